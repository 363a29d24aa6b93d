"""ServerService.WatchLoad: how busy the server is, again and again."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import grpc
import pytest

from barkstream.v1 import server_service_pb2 as pb
from barkstream.v1 import speech_service_pb2
from barkstream_server import server_service
from tests.support.serving import (
    PATIENCE_S,
    SENTENCE,
    Served,
    conversation,
    eventually,
    failure,
    served,
)

OFTEN = pb.WatchLoadRequest(interval={"nanos": 100_000_000})


async def until(watch: Any, condition: Any) -> pb.WatchLoadResponse:
    """The first answer that fulfils a condition."""
    async with asyncio.timeout(PATIENCE_S):
        async for load in watch:
            if condition(load):
                return cast("pb.WatchLoadResponse", load)
    raise AssertionError("the watch ended")


async def test_what_is_going_on_and_what_was_done() -> None:
    async with served(slots=3) as target:
        watch = target.info.WatchLoad(OFTEN)
        first = await until(watch, lambda _: True)
        assert first == pb.WatchLoadResponse(serving=True, slots=3, audio={}), "nothing yet"
        assert target.gate is not None
        target.gate.hold("SemanticStep")
        async with conversation(target) as talk:
            await talk.append("a", SENTENCE)
            await talk.finish("a")
            busy = await until(watch, lambda load: load.running)
            assert (busy.sessions, busy.running, busy.waiting, busy.utterances) == (1, 1, 0, 0)
            target.gate.release()
            await talk.until("completed")
            await talk.half_close()
            await talk.rest()
        done = await until(watch, lambda load: load.sessions == 0 and load.audio.ToSeconds())
        assert (done.running, done.utterances, done.refusals) == (0, 1, 0)
        assert done.realtime_factor > 0


async def test_the_audio_left_to_the_listener_who_runs_dry_first() -> None:
    async with served() as target:
        watch = target.info.WatchLoad(OFTEN)
        assert target.gate is not None
        target.gate.hold("CodecDecode", after=2)
        async with conversation(target) as talk:
            await talk.append("a", SENTENCE)
            await talk.finish("a")
            heard = await until(watch, lambda load: load.HasField("least_lead"))
            assert 0 <= heard.least_lead.ToMilliseconds() < 5_000
            target.gate.release()
            await talk.until("completed")
            await until(watch, lambda load: not load.HasField("least_lead"))


async def test_refusals_of_calls_and_of_contexts_are_counted() -> None:
    async with served(slots=1, max_waiting=0, max_contexts_per_session=1) as target:
        assert target.gate is not None
        target.gate.hold("SemanticStep")
        async with conversation(target) as talk:
            await talk.append("a", SENTENCE)
            await talk.append("b", SENTENCE)
            await talk.until("failed")
            await talk.finish("a")
            await eventually(lambda: target.engine.load().running == 1)
            request = speech_service_pb2.SynthesizeRequest(text=SENTENCE)
            refused = await failure(target.speech.Synthesize(request))
            assert refused.code is grpc.StatusCode.RESOURCE_EXHAUSTED
            await until(target.info.WatchLoad(OFTEN), lambda load: load.refusals == 2)
            target.gate.release()
            await talk.until("completed")


@pytest.mark.parametrize("seconds", [-1, 0, 61])
async def test_an_interval_out_of_range(seconds: int) -> None:
    async with served() as target:
        watch = target.info.WatchLoad(pb.WatchLoadRequest(interval={"seconds": seconds}))
        status = await failure(_first(watch))
        assert status.code is grpc.StatusCode.INVALID_ARGUMENT
        assert status.field == "interval"


async def test_watchers_are_bounded_and_make_room_when_they_leave(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server_service, "MAX_WATCHERS", 1)
    async with served() as target:
        watch = target.info.WatchLoad(OFTEN)
        await _first(watch)
        status = await failure(_first(target.info.WatchLoad(OFTEN)))
        assert status.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        watch.cancel()
        async with asyncio.timeout(PATIENCE_S):
            while not await _comes_in(target):  # noqa: ASYNC110
                await asyncio.sleep(0.05)


async def test_a_draining_server_is_watched_to_its_end() -> None:
    async with served() as target:
        watch = target.info.WatchLoad(OFTEN)
        await _first(watch)
        await target.server.drain()
        await until(watch, lambda load: not load.serving)
        await target.server.close()
        with pytest.raises(grpc.aio.AioRpcError):
            await until(watch, lambda _: False)
        assert await watch.code() is grpc.StatusCode.UNAVAILABLE


async def _first(watch: Any) -> Any:
    return await anext(aiter(watch))


async def _comes_in(target: Served) -> bool:
    watch = target.info.WatchLoad(OFTEN)
    try:
        await _first(watch)
    except grpc.aio.AioRpcError:
        return False
    watch.cancel()
    return True

"""Sessions: contexts side by side, flush, finish, failures, and what they leave alone."""

from __future__ import annotations

import asyncio

import grpc
import numpy as np
import pytest

from barkstream.v1 import speech_service_pb2 as pb
from barkstream_client import (
    AbortedError,
    Audio,
    CancelReport,
    ClosedError,
    Completed,
    Draining,
    Flushed,
    NotFoundError,
    OutOfOrderError,
    Progress,
    Segment,
    ServerFailureError,
    ServerFullError,
    SlowReaderError,
    SpeechClient,
    SpeechEvent,
    SpeechSession,
    Started,
    UnavailableError,
)
from barkstream_client.testing import CHARACTER_S, FakeFailure, FakeScript, FakeSpeechServer, tones
from tests.support.eventually import eventually
from tests.support.session_events import all_of, collect, requests, until

SENTENCE = "One two three four five."


async def test_opening_tells_what_is_in_effect(client: SpeechClient) -> None:
    async with client.session(voice="fake/zh", sample_rate_hz=16_000) as session:
        assert session.info.native_sample_rate_hz == 24_000
        assert session.info.max_contexts == 8
        assert session.info.options["voice"] == "fake/zh"
        assert session.info.options["sample_rate_hz"] == 16_000
        with pytest.raises(ClosedError, match="once"):
            await session.open()


async def test_a_context_from_text_to_completion(session: SpeechSession) -> None:
    context = session.context("turn-1")
    await context.append("One two ")
    await context.append("three. Four")
    await context.finish()
    await context.finish()  # Once is enough; twice does no harm.
    events = await all_of(context)
    assert isinstance(events[0], Started)
    assert isinstance(events[-1], Completed)
    assert context.started is events[0]
    assert context.terminal is events[-1]
    assert context.text == "One two three. Four"
    segments = [event for event in events if isinstance(event, Segment)]
    assert [context.text[s.source_start : s.source_end] for s in segments] == [
        "One two three.",
        "Four",
    ]
    assert session.live_contexts == 0


async def test_options_of_a_context_win(session: SpeechSession) -> None:
    context = session.context(encoding="pcm_f32le", pause_ms=0)
    await context.append("Hi. You.")
    await context.finish()
    audio = [event async for event in context.audio()]
    assert {event.encoding for event in audio} == {"pcm_f32le"}
    pcm = np.concatenate([event.pcm() for event in audio])
    assert np.array_equal(pcm, np.concatenate([tones("Hi.", 24_000), tones("You.", 24_000)]))


async def test_flush_speaks_what_is_there(session: SpeechSession) -> None:
    context = session.context()
    await context.append("Without an end")
    first = await context.flush()
    flushed = await until(context, Flushed)
    assert isinstance(flushed, Flushed)
    assert flushed.flush_id == first
    assert flushed.audio_sent_s == pytest.approx(len("Without an end") * CHARACTER_S)
    assert await context.flush("mine") == "mine"
    await context.finish()
    rest = await all_of(context)
    assert [event.flush_id for event in rest if isinstance(event, Flushed)] == ["mine"]


async def test_contexts_do_not_wait_for_one_another(
    server: FakeSpeechServer, session: SpeechSession
) -> None:
    texts = {f"c{number}": f"Text number {number} of all. " * 3 for number in range(8)}
    contexts = {name: session.context(name) for name in texts}

    async def speak(name: str) -> np.ndarray:
        for word in texts[name].split(" "):
            await contexts[name].append(word + " ")
            await asyncio.sleep(0)
        await contexts[name].finish()
        audio = [event async for event in contexts[name].audio()]
        return np.concatenate([event.pcm() for event in audio])

    spoken = await asyncio.gather(*(speak(name) for name in texts))
    pause = np.zeros(3_600, np.float32)
    for name, pcm in zip(texts, spoken, strict=True):
        sentence = tones(texts[name].split(".")[0] + ".", 24_000)
        expected = np.concatenate([sentence, pause, sentence, pause, sentence])
        assert np.allclose(pcm, expected, atol=1e-4), name
    assert server.live_contexts == session.live_contexts == 0


async def test_one_context_too_many(session: SpeechSession, server: FakeSpeechServer) -> None:
    server.gate.close()
    contexts = [session.context() for _ in range(9)]
    for context in contexts:
        await context.append(SENTENCE + " ")
    with pytest.raises(ServerFullError) as caught:
        await all_of(contexts[-1])
    assert caught.value.reason == "CONTEXT_LIMIT"
    with pytest.raises(ServerFullError):
        await contexts[-1].append("more")  # It says why, not just that.
    server.gate.open()
    await contexts[0].finish()
    assert isinstance((await all_of(contexts[0]))[-1], Completed)


async def test_a_failed_context_leaves_the_others_alone(
    server: FakeSpeechServer, session: SpeechSession
) -> None:
    server.fail_next(FakeFailure(grpc.StatusCode.INTERNAL, "broken", "ENGINE_FAILED", None, 1))
    bad, good = session.context("bad"), session.context("good")
    await bad.append(SENTENCE + " ")
    await good.append(SENTENCE)
    await good.finish()
    seen: list[SpeechEvent] = []
    with pytest.raises(ServerFailureError, match="broken") as caught:
        await collect(bad, seen)
    assert caught.value.reason == "ENGINE_FAILED"
    assert sum(isinstance(event, Audio) for event in seen) == 1
    with pytest.raises(ServerFailureError):
        await bad.cancel()
    with pytest.raises(ServerFailureError):
        await bad.finish()
    assert isinstance((await all_of(good))[-1], Completed)


async def test_an_unknown_voice_fails_its_context_only(session: SpeechSession) -> None:
    context = session.context(voice="nobody")
    await context.append("Hi.")
    with pytest.raises(NotFoundError):
        await all_of(context)
    good = session.context()
    await good.append("Hi.")
    await good.finish()
    await all_of(good)


async def test_an_id_in_use_is_refused(server: FakeSpeechServer, session: SpeechSession) -> None:
    server.gate.close()
    first, second = session.context("same"), session.context("same")
    await first.append(SENTENCE)
    with pytest.raises(ClosedError, match="in use"):
        await second.append(SENTENCE)
    with pytest.raises(ClosedError, match="in use"):
        session.context("same")


async def test_heartbeats(server: FakeSpeechServer, client: SpeechClient) -> None:
    server.gate.close()
    async with client.session(heartbeat_s=0.1) as session:
        context = session.context()
        await context.append(SENTENCE + " ")
        assert isinstance(await until(context, Progress), Progress)


async def test_idle_sessions_end_if_asked_for(
    server: FakeSpeechServer, client: SpeechClient
) -> None:
    async with client.session(idle_timeout_s=0.1) as session:
        await session.keepalive()
        assert len(requests(server, "keepalive")) <= 1
        await asyncio.sleep(0.3)
        with pytest.raises(AbortedError) as caught:
            session.context()
        assert caught.value.reason == "IDLE_TIMEOUT"
        with pytest.raises(AbortedError):
            await session.keepalive()


async def test_draining_is_announced_to_contexts_and_session(
    server: FakeSpeechServer, session: SpeechSession
) -> None:
    server.gate.close()
    context = session.context()
    await context.append(SENTENCE + " ")
    await until(context, Segment)
    server.announce_draining(2.5)
    assert await until(context, Draining) == Draining(2.5) == session.draining


async def test_a_lost_server_fails_every_context(
    server: FakeSpeechServer, session: SpeechSession
) -> None:
    server.gate.close()
    contexts = [session.context() for _ in range(3)]
    for context in contexts:
        await context.append(SENTENCE + " ")
        await until(context, Segment)
    await server.stop()
    for context in contexts:
        with pytest.raises(UnavailableError):
            await all_of(context)
        with pytest.raises(UnavailableError):
            await context.append("more")
    with pytest.raises(UnavailableError):
        session.context()


async def test_leaving_a_session_with_live_contexts_ends_them(
    server: FakeSpeechServer, client: SpeechClient
) -> None:
    server.gate.close()
    async with client.session() as session:
        context = session.context()
        await context.append(SENTENCE + " ")
        await until(context, Segment)
    with pytest.raises(ClosedError):
        await all_of(context)
    with pytest.raises(ClosedError):
        session.context()
    await session.aclose()
    await server.wait_idle()


async def test_sessions_are_not_usable_unopened(client: SpeechClient) -> None:
    session = client.session()
    with pytest.raises(ClosedError, match="async context manager"):
        _ = session.info
    await session.aclose()


async def test_nobody_reads_one_context_and_the_others_go_on(
    server: FakeSpeechServer, client: SpeechClient
) -> None:
    async with client.session(max_buffered_bytes=20_000) as session:
        forgotten, read = session.context("forgotten"), session.context("read")
        await forgotten.append("A sentence that nobody will ever listen to. " * 3)
        await read.append("A sentence that is listened to. " * 3)
        await read.finish()
        assert isinstance((await all_of(read))[-1], Completed)
        await eventually(lambda: forgotten.terminal is not None)
        heard: list[SpeechEvent] = []
        with pytest.raises(SlowReaderError, match="max_buffered_bytes"):
            await collect(forgotten, heard)
        size = sum(len(event.data) for event in heard if isinstance(event, Audio))
        assert 10_000 < size <= 20_000
        await eventually(lambda: not session.live_contexts)
        assert len(requests(server, "cancel")) == 1


async def test_text_after_the_end_is_refused_here(session: SpeechSession) -> None:
    context = session.context()
    await context.append("Hi.")
    await context.finish()
    for late in (context.append("more"), context.flush()):
        with pytest.raises(ClosedError, match="no more text"):
            await late


async def test_errors_of_order_come_from_the_server_too(
    server: FakeSpeechServer, client: SpeechClient
) -> None:
    async with client.session() as session:
        await session._wire.send(pb.ConverseRequest(open=pb.OpenSession()))
        await eventually(lambda: session._wire._error is not None)
        with pytest.raises(OutOfOrderError) as caught:
            session.context()
        assert caught.value.reason == "SESSION_ALREADY_OPEN"


async def test_slow_servers_do_not_bother_the_others(
    server: FakeSpeechServer, session: SpeechSession
) -> None:
    server.script = FakeScript(first_audio_delay_s=0.05, chunk_delay_s=0.01, chunk_s=0.05)
    context = session.context()
    await context.append(SENTENCE)
    await context.finish()
    events = await all_of(context)
    assert sum(isinstance(event, Audio) for event in events) == 10
    assert not any(isinstance(event, CancelReport) for event in events)

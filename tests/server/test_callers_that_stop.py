"""Callers that cancel, run out of time, stop reading or die: what they asked for is dropped."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from bark_core.engine.runs import MAX_STEPS
from barkstream.v1 import audio_pb2
from barkstream.v1 import speech_service_pb2 as pb
from tests.support.serving import (
    LONG_TEXT,
    SENTENCE,
    Conversation,
    Served,
    conversation,
    eventually,
    failure,
    kinds,
    served,
)


def _free(target: Served) -> bool:
    load = target.engine.load()
    return load.running == 0 and load.waiting == 0 and target.server.sessions == 0


@pytest.mark.parametrize("method", ["Synthesize", "StreamSynthesize", "Converse"])
async def test_a_cancelled_call_frees_its_slot_within_one_run(method: str) -> None:
    async with served(slots=1) as target:
        assert target.gate is not None
        target.gate.hold("SemanticStep", after=3)
        calls = []
        if method == "Converse":
            calls.append(target.speech.Converse())
            talk = Conversation(calls[0])
            await talk.send(open=pb.OpenSession())
            await talk.append("a", LONG_TEXT)
        elif method == "Synthesize":
            calls.append(target.speech.Synthesize(pb.SynthesizeRequest(text=SENTENCE)))
        else:
            calls.append(target.speech.StreamSynthesize(pb.StreamSynthesizeRequest(text=SENTENCE)))
        await eventually(target.gate.waiting.is_set)
        done = target.gate.executed["SemanticStep"]
        calls[0].cancel()
        await eventually(lambda: target.server.sessions == 0)
        target.gate.release()
        await eventually(lambda: _free(target))
        # The run of steps that was under way, and no other.
        assert target.gate.executed["SemanticStep"] < done + MAX_STEPS


@pytest.mark.parametrize("method", ["Synthesize", "StreamSynthesize"])
async def test_a_deadline_stops_the_work(method: str) -> None:
    async with served() as target:
        assert target.gate is not None
        target.gate.hold("SemanticStep", after=3)
        request = (pb.SynthesizeRequest if method == "Synthesize" else pb.StreamSynthesizeRequest)(
            text=SENTENCE
        )
        call = getattr(target.speech, method)(request, timeout=0.3)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await (call if method == "Synthesize" else _all(call))
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        done = target.gate.executed["SemanticStep"]
        await eventually(lambda: target.server.sessions == 0)
        target.gate.release()
        await eventually(lambda: _free(target))
        assert target.gate.executed["SemanticStep"] < done + MAX_STEPS


async def test_a_deadline_ends_a_session_and_all_it_speaks() -> None:
    async with served() as target:
        assert target.gate is not None
        target.gate.hold("SemanticStep", after=3)
        talk = Conversation(target.speech.Converse(timeout=1.0))
        await talk.send(open=pb.OpenSession())
        for context_id in "ab":
            await talk.append(context_id, LONG_TEXT)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await talk.rest()
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        done = target.gate.executed["SemanticStep"]
        await eventually(lambda: target.server.sessions == 0)
        target.gate.release()
        await eventually(lambda: _free(target))
        assert target.gate.executed["SemanticStep"] < done + MAX_STEPS


async def _all(call: Any) -> list[Any]:
    return [message async for message in call]


async def test_work_that_is_too_late_never_reaches_the_model() -> None:
    async with served(slots=1) as target:
        assert target.gate is not None
        target.gate.hold("SemanticStep")
        first = target.speech.StreamSynthesize(pb.StreamSynthesizeRequest(text=SENTENCE))
        await eventually(target.gate.waiting.is_set)
        late = target.speech.StreamSynthesize(
            pb.StreamSynthesizeRequest(text=SENTENCE), timeout=0.2
        )
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await _all(late)
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        target.gate.release()
        assert [m async for m in first][-1].HasField("completed")
        await eventually(lambda: _free(target))
        assert target.gate.executed["SemanticPrefill"] == 1


async def test_a_session_that_is_dropped_frees_all_its_contexts() -> None:
    async with served() as target:
        assert target.gate is not None
        async with conversation(target) as talk:
            target.gate.hold("SemanticStep", after=2)
            for context_id in "abc":
                await talk.append(context_id, LONG_TEXT)
            await talk.until("context_started", "c")
            await eventually(target.gate.waiting.is_set)
        await eventually(lambda: target.server.sessions == 0)
        target.gate.release()
        await eventually(lambda: _free(target))


async def test_the_lead_over_the_listener_is_bounded() -> None:
    async with served(max_lead_s=2.0) as target, conversation(target) as talk:
        await talk.append("a", LONG_TEXT)
        await talk.finish("a")
        start_s = time.monotonic()
        sent_s = 0.0
        while sent_s < 1.0:
            sent_s += (await talk.until("audio"))[-1].audio.sample_count / 24_000
        sent_s += sum(m.audio.sample_count for m in await talk.within(0.7)) / 24_000
        # One chunk may have been under way when the bound was reached.
        assert sent_s < 2.0 + (time.monotonic() - start_s) + 1.0
        # The listener is far ahead of the clock: more may come at once.
        await talk.send("a", playback=pb.ReportPlayback(played=Duration(seconds=int(sent_s))))
        more = await talk.until("audio")
        assert more[-1].audio.sample_count > 0


async def test_a_caller_that_reads_nothing_stops_its_own_speech_and_is_dropped() -> None:
    text = LONG_TEXT * 8  # some 6 min of speech, 17 MB of it
    async with served(write_stall_timeout_s=0.5, slots=2) as target:
        options = [("grpc.http2.lookahead_bytes", 65_536), ("grpc.http2.bdp_probe", 0)]
        async with grpc.aio.insecure_channel(target.server.address, options=options) as channel:
            call = channel.unary_stream(
                "/barkstream.v1.SpeechService/StreamSynthesize",
                request_serializer=pb.StreamSynthesizeRequest.SerializeToString,
                response_deserializer=pb.StreamSynthesizeResponse.FromString,
            )(pb.StreamSynthesizeRequest(text=text, config=_f32le_48khz()))
            await call.read()
            assert target.gate is not None
            await eventually(lambda: target.server.sessions == 0)
            await eventually(lambda: target.engine.load().running == 0)
            # Far less was made than asked for.
            assert target.gate.executed["SemanticPrefill"] < 60
            # Somebody else is served meanwhile.
            assert (await target.speech.Synthesize(pb.SynthesizeRequest(text=SENTENCE))).audio
            # Once the caller reads again it learns what happened.
            status = await failure(_left(call))
            assert status.code is grpc.StatusCode.ABORTED
            assert status.reason == "READER_STALLED"


async def _left(call: Any) -> AsyncIterator[Any]:
    while (message := await call.read()) is not grpc.aio.EOF:
        yield message


def _f32le_48khz() -> pb.SpeechConfig:
    return pb.SpeechConfig(
        audio_format=audio_pb2.AudioFormat(
            encoding=audio_pb2.AUDIO_ENCODING_PCM_F32LE, sample_rate_hz=48_000
        )
    )


_SPEAKING_CLIENT = """
import sys, grpc
from barkstream.v1 import speech_service_pb2 as pb, speech_service_pb2_grpc as stubs
channel = grpc.insecure_channel(sys.argv[1])
stub = stubs.SpeechServiceStub(channel)
def requests():
    yield pb.ConverseRequest(open=pb.OpenSession())
    for name in "ab":
        yield pb.ConverseRequest(context_id=name, append=pb.AppendText(text=sys.argv[2]))
    import time
    time.sleep(600)
for response in stub.Converse(requests()):
    if response.WhichOneof("event") == "audio":
        print("audio", flush=True)
"""


async def test_a_client_that_is_killed_leaves_nothing_behind() -> None:
    async with served() as target:
        assert target.gate is not None
        target.gate.hold("CodecDecode", after=8)
        client = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            _SPEAKING_CLIENT,
            target.server.address,
            LONG_TEXT,
            stdout=subprocess.PIPE,
        )
        assert client.stdout is not None
        assert await client.stdout.readline() == b"audio\n"
        assert target.server.sessions == 1
        client.send_signal(signal.SIGKILL)
        await client.wait()
        await eventually(lambda: target.server.sessions == 0)
        target.gate.release()
        await eventually(lambda: _free(target))


async def test_cancels_at_any_moment_leave_nothing_behind() -> None:
    async with served() as target:
        for step in range(60):
            call = target.speech.Converse()
            talk = Conversation(call)
            await talk.send(open=pb.OpenSession())
            await talk.append("a", LONG_TEXT)
            for _ in range(step % 7):
                await talk.receive()
            for _ in range(step // 7):
                await asyncio.sleep(0)
            call.cancel()
        await eventually(lambda: _free(target))
        async with conversation(target) as talk:
            await talk.append("a", SENTENCE)
            await talk.half_close()
            assert kinds(await talk.rest())[-1] == "completed"

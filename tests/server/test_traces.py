"""What a tracing backend gets to see of calls, end to end: real server, real client, spans kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
import pytest
from opentelemetry.trace import SpanKind, StatusCode

from bark_core.backends.fake.script import Effect, FakeScript, Fault
from bark_core.checkpoints import open_checkpoint
from bark_core.engine.interface import Engine, EngineLimits
from bark_core.engine.process import ProcessEngine
from bark_core.engine.thread import ThreadEngine
from barkstream.v1 import speech_service_pb2 as pb
from barkstream_client import SpeechClient
from tests.support.serving import LONG_TEXT, SENTENCE, conversation, failure, fake_spec, served
from tests.support.traces import Traces, attributes

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE_ID}-b7ad6b7169203331-01"
STAGES = ["queued", "semantic", "coarse", "fine", "codec"]


def _failing(kind: Any, effect: Effect) -> Callable[[], Engine]:
    """An engine that is lost at its first fine pass, or whose fine passes all fail."""
    spec = fake_spec(fake=FakeScript(faults=(Fault(effect, batch="FinePass"),)))
    return lambda: kind(spec, open_checkpoint("noise").config, EngineLimits())


async def test_a_spoken_text_is_a_tree_of_spans() -> None:
    traces = Traces()
    async with served(tracing=traces.tracing) as target:
        answer = await target.speech.Synthesize(
            pb.SynthesizeRequest(text=SENTENCE, config={"sampling": {"seed": 77}})
        )
        await traces.calls()
        codebooks = target.server._frontend.config.fine.n_codebooks
    call = traces.one("Service/")
    assert call.name == "barkstream.v1.SpeechService/Synthesize"
    assert call.kind is SpanKind.SERVER
    assert call.parent is None
    assert call.status.status_code is StatusCode.UNSET
    seen = attributes(call)
    assert seen["rpc.system.name"] == "grpc"
    assert seen["rpc.method"] == call.name
    assert seen["rpc.response.status_code"] == "OK"
    assert seen["utterances"] == 1

    (context,) = traces.below(call)
    seen = attributes(context)
    assert (context.name, seen["end_reason"], seen["underruns"]) == ("context", "completed", 0)
    assert (seen["voice"], seen["seed"], seen["model"]) == (
        answer.receipt.voice or "none",
        77,
        answer.receipt.model,
    )
    assert (seen["backend"], seen["device"], seen["latency_mode"]) == ("fake", "none", "low")
    assert seen["text_characters"] == len(SENTENCE)
    assert seen["audio_s"] == pytest.approx(answer.usage.audio_duration.ToNanoseconds() / 1e9)
    assert [event.name for event in context.events] == ["first_audio"]
    assert seen["ttfa_s"] > 0

    (utterance,) = traces.below(context)
    seen = attributes(utterance)
    assert (utterance.name, seen["index"], seen["end_reason"]) == ("utterance", 0, "completed")
    assert seen["semantic_tokens"] == answer.usage.semantic_tokens
    assert seen["frames"] == answer.usage.codec_frames
    assert seen["coarse_tokens"] + seen["fine_tokens"] == codebooks * seen["frames"]
    assert seen["realtime_factor"] > 0

    stages = traces.below(utterance)
    assert sorted(stage.name for stage in stages) == sorted(STAGES)
    first = {stage.name: stage.start_time or 0 for stage in stages}
    assert sorted(STAGES, key=first.__getitem__) == STAGES
    for stage in stages:
        assert utterance.start_time <= stage.start_time <= stage.end_time <= utterance.end_time  # type: ignore[operator]
        seen = attributes(stage)
        assert stage.name == "queued" or (seen["busy_s"] >= 0 and seen["batches"] > 0)
    assert attributes(traces.one("codec"))["frames"] == answer.usage.codec_frames
    for inner, outer in ((utterance, context), (context, call)):
        assert outer.start_time <= inner.start_time <= outer.end_time  # type: ignore[operator]


async def test_a_caller_s_trace_goes_on_in_ours() -> None:
    traces = Traces()
    async with served(tracing=traces.tracing) as target:
        metadata = {"traceparent": PARENT, "tracestate": "vendor=x"}
        async with SpeechClient.connect(target.server.address, metadata=metadata) as client:
            async for _ in client.stream(SENTENCE):
                pass
        await traces.calls()
    call = traces.one("Service/StreamSynthesize")
    assert call.parent is not None
    assert format(call.parent.span_id, "x") == "b7ad6b7169203331"
    assert {format(span.context.trace_id, "032x") for span in traces.spans if span.context} == {
        TRACE_ID
    }


@pytest.mark.parametrize("header", ["nonsense", "00-" + "0" * 32 + "-b7ad6b7169203331-01"])
async def test_a_header_that_names_no_trace_begins_a_new_one(header: str) -> None:
    traces = Traces()
    async with served(tracing=traces.tracing) as target:
        request = pb.SynthesizeRequest(text=SENTENCE)
        await target.speech.Synthesize(request, metadata=(("traceparent", header),))
        await traces.calls()
    assert traces.one("Service/").parent is None


async def test_a_caller_that_samples_nothing_is_not_traced() -> None:
    traces = Traces()
    async with served(tracing=traces.tracing) as target:
        request = pb.SynthesizeRequest(text=SENTENCE)
        unsampled = (("traceparent", PARENT.removesuffix("01") + "00"),)
        await target.speech.Synthesize(request, metadata=unsampled)
        await target.speech.Synthesize(request)
        await traces.calls()
    assert traces.one("Service/").parent is None
    assert len(traces.named("context")) == 1


async def test_a_cancelled_context_shows_what_was_made_of_it() -> None:
    traces = Traces()
    async with served(tracing=traces.tracing, slots=1) as target, conversation(target) as talk:
        assert target.gate is not None
        target.gate.hold("FinePass", after=1)
        await talk.append("turn-1", LONG_TEXT)
        await talk.until("audio")
        await talk.send("turn-1", cancel=pb.CancelContext())
        await talk.until("cancelled")
        target.gate.release()
        await traces.arrive(lambda traces: len(traces.named("utterance")) >= 2)
        await talk.half_close()
        await talk.rest()
        await traces.calls()
    context = traces.one("context")
    seen = attributes(context)
    assert (seen["context_id"], seen["end_reason"]) == ("turn-1", "cancelled")
    assert seen["audio_s"] > 0
    assert context.status.status_code is StatusCode.UNSET
    ends = [attributes(span)["end_reason"] for span in traces.below(context)]
    assert set(ends) <= {"completed", "aborted"}
    assert "aborted" in ends
    waited = traces.below(context)[-1]
    assert attributes(waited)["end_reason"] == "aborted"
    assert "queued" in [span.name for span in traces.below(waited)]


async def test_a_caller_who_goes_leaves_an_abandoned_context() -> None:
    traces = Traces()
    async with served(tracing=traces.tracing) as target:
        call = target.speech.StreamSynthesize(pb.StreamSynthesizeRequest(text=LONG_TEXT))
        await call.read()
        call.cancel()
        await traces.calls()
        await traces.arrive(lambda traces: bool(traces.named("utterance")))
    span = traces.one("Service/")
    assert attributes(span)["rpc.response.status_code"] == "CANCELLED"
    assert span.status.status_code is StatusCode.UNSET
    assert attributes(traces.one("context"))["end_reason"] == "abandoned"


async def test_our_failure_marks_all_the_spans_it_reaches() -> None:
    traces = Traces()
    async with served(_failing(ThreadEngine, Effect.RAISE), tracing=traces.tracing) as target:
        status = await failure(target.speech.Synthesize(pb.SynthesizeRequest(text=SENTENCE)))
        await traces.calls()
    for part in ("Service/", "context", "utterance"):
        span = traces.one(part)
        assert span.status.status_code is StatusCode.ERROR, part
        assert span.status.description == attributes(span)["error.type"] == status.reason
        assert not span.events, "no exception, no message"
    assert attributes(traces.one("Service/"))["rpc.response.status_code"] == "INTERNAL"
    seen = attributes(traces.one("utterance"))
    assert seen["end_reason"] == "failed"
    assert seen["semantic_tokens"] > 0


async def test_a_wrong_request_has_a_reason_but_is_no_error_of_the_server() -> None:
    traces = Traces()
    async with served(tracing=traces.tracing) as target:
        await failure(target.speech.Synthesize(pb.SynthesizeRequest(text=" ")))
        await traces.calls()
    span = traces.one("Service/")
    seen = attributes(span)
    assert (seen["rpc.response.status_code"], seen["error.type"]) == (
        "INVALID_ARGUMENT",
        "TEXT_EMPTY",
    )
    assert span.status.status_code is StatusCode.UNSET


async def test_utterances_that_die_with_the_engine_are_seen() -> None:
    """Nobody reports on them: of all times only their beginning and end are known."""
    traces = Traces()
    async with served(_failing(ProcessEngine, Effect.EXIT), tracing=traces.tracing) as target:
        status = await failure(target.speech.Synthesize(pb.SynthesizeRequest(text=SENTENCE)))
        assert status.code is grpc.StatusCode.UNAVAILABLE
        await traces.calls()
    utterance = traces.one("utterance")
    assert attributes(utterance)["error.type"] == status.reason
    assert utterance.status.status_code is StatusCode.ERROR
    assert traces.below(utterance) == []
    assert utterance.parent is not None
    assert traces.below(traces.one("context")) == [utterance]


async def test_nothing_of_any_text_is_in_any_span() -> None:
    traces = Traces()
    words = ["zanzibar", "quokka", "xylophone"]
    text = f"The {words[0]} of {words[1]}. And a {words[2]} too."
    async with served(tracing=traces.tracing) as target:
        request = pb.SynthesizeRequest(text=text)
        await target.speech.Synthesize(request)
        await failure(target.speech.Synthesize(pb.SynthesizeRequest(text=text + "\x00")))
        async with conversation(target) as talk:
            await talk.append("a", text * 5)
            await talk.until("audio")
            await talk.send("a", cancel=pb.CancelContext())
            (*_, end) = await talk.until("cancelled")
            assert words[0] in end.cancelled.text_spoken + end.cancelled.text_remaining
            await talk.append("b", text, config={"voice": {"name": words[1]}})
            await talk.until("failed")
        await traces.calls(3)
    async with served(_failing(ThreadEngine, Effect.RAISE), tracing=traces.tracing) as target:
        await failure(target.speech.Synthesize(request))
        await traces.calls(4)
    told = traces.everything().lower()
    assert len(traces.spans) > 15
    for word in words:
        assert word not in told


async def test_health_checks_are_not_traced() -> None:
    traces = Traces()
    async with served(tracing=traces.tracing) as target:
        async with SpeechClient.connect(target.server.address) as client:
            await client.wait_ready()
            await client.server_info()
        await traces.calls()
    assert [span.name for span in traces.spans] == ["barkstream.v1.ServerService/GetServerInfo"]

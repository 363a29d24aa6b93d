"""The bridge and the speaker against an engine that does only what the test says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any, cast

import numpy as np
import pytest
from google.protobuf.message import Message

from bark_core.audio import AudioEncoder, EncodedChunk
from bark_core.checkpoints import open_checkpoint
from bark_core.engine.events import (
    AudioReady,
    Event,
    StageSeconds,
    UtteranceFinished,
    UtteranceReport,
    UtteranceStarted,
)
from bark_core.engine.interface import Engine, EngineLoad, EngineState, EventListener
from bark_core.engine.request import UtteranceRequest
from bark_core.errors import (
    BarkstreamError,
    CapacityError,
    DrainingError,
    EngineDiedError,
    EngineFailureError,
)
from bark_core.speech import SpeechContext, SpeechFrontend
from barkstream.v1 import audio_pb2
from barkstream.v1 import speech_service_pb2 as pb
from barkstream_server.admission import Admission
from barkstream_server.bridge import Bridge, EngineAccess
from barkstream_server.call import Call, CallStats
from barkstream_server.config import ServerConfig
from barkstream_server.converse.inbox import ContextDefaults
from barkstream_server.converse.session import Session, Terms
from barkstream_server.convert.settings import SettingsReader, SpeechPlan
from barkstream_server.incidents import recorded_failure
from barkstream_server.metrics import Gauges, ServerMetrics
from barkstream_server.one_text import Listener, send_all
from barkstream_server.resources import SpeechResources
from barkstream_server.speaker import Speaker
from barkstream_server.tenants import Tenants
from barkstream_server.tracing import NoTracing
from tests.support.serving import LONG_TEXT, eventually


class ScriptedEngine:
    """Takes requests, notes aborts; the test sends events."""

    def __init__(self) -> None:
        self.requests: dict[str, EventListener] = {}
        self.aborted: list[str] = []
        self.refuse: Exception | None = None
        self.room = 1000
        self.played: list[float] = []

    def submit(self, request: UtteranceRequest, listener: EventListener) -> None:
        if self.refuse is not None:
            raise self.refuse
        if len(self.requests) >= self.room:
            raise CapacityError("full")
        self.requests[request.utterance_id] = listener

    def abort(self, utterance_ids: Sequence[str]) -> None:
        self.aborted += utterance_ids

    def report_playback(self, _stream_id: str, played_s: float) -> None:
        self.played.append(played_s)

    def load(self) -> EngineLoad:
        return EngineLoad(running=0, waiting=0, slots=1, realtime_factor=None)

    async def tell(self, *events: Event) -> None:
        """From a thread, as an engine does."""
        listener = self.requests[events[0].utterance_id]
        await asyncio.to_thread(listener, events)
        await asyncio.sleep(0)

    async def finish(self, utterance: str) -> None:
        report = UtteranceReport(1, 75, 24_000, 0.1, 0.2, 0.0, StageSeconds(), hit_limit=False)
        await self.tell(UtteranceFinished(utterance, report, None))

    async def speak(self, utterance: str, duration_s: float) -> None:
        pcm = np.full(round(duration_s * 24_000), 0.25, np.float32)
        await self.tell(UtteranceStarted(utterance), AudioReady(utterance, pcm, 0))


class _CallOfNobody:
    tenant_name = ""
    method = "/test/Test"

    def __init__(self) -> None:
        self.stats = CallStats()
        self.trace = NoTracing()


def _plan(frontend: SpeechFrontend) -> SpeechPlan:
    config = pb.SpeechConfig(
        audio_format=audio_pb2.AudioFormat(chunk_duration={"nanos": 10_000_000}),
        sampling=audio_pb2.SamplingConfig(seed=1),
    )
    reader = SettingsReader(frontend, ServerConfig())
    return reader.read(config, path="config", live=False, deadline_s=None)


def _speaker(engine: ScriptedEngine) -> Speaker:
    frontend = SpeechFrontend(open_checkpoint("noise"))
    plan = _plan(frontend)
    context = SpeechContext("", frontend, plan.settings, time.monotonic)
    access = EngineAccess(
        cast("Engine", engine), asyncio.get_running_loop(), lambda _: None, Tenants().of("")
    )
    bridge = Bridge(context, access, lambda: None, NoTracing())
    call: Any = _CallOfNobody()
    return Speaker(
        bridge, plan, frontend, cast("Call", call), told=_told, started_s=time.monotonic()
    )


def _told(error: BarkstreamError) -> pb.ContextFailed:
    return pb.ContextFailed(status=recorded_failure(error, "/test/Test").status)


def _resources(engine: ScriptedEngine) -> SpeechResources:
    admission = Admission(1)
    admission.set_engine_state(EngineState.READY)
    gauges = Gauges(cast("Any", None), lambda: 0, lambda: True)
    return SpeechResources(
        ServerConfig(),
        SpeechFrontend(open_checkpoint("noise")),
        cast("Engine", engine),
        admission,
        cast("Executor", None),
        ServerMetrics(gauges),
        Tenants(),
    )


def _pulled(speaker: Speaker) -> list[Message]:
    messages = []
    while (message := speaker.pull()) is not None:
        messages.append(message)
    return messages


def _all(speaker: Speaker) -> list[str]:
    return [type(message).__name__ for message in _pulled(speaker)]


async def test_a_cancel_overtakes_all_that_was_made_and_not_yet_sent() -> None:
    engine = ScriptedEngine()
    speaker = _speaker(engine)
    await speaker.bridge.append(LONG_TEXT)
    speaker.bridge.finish()
    first, second = engine.requests
    await engine.speak(first, 1.0)
    while not isinstance(message := speaker.pull(), pb.AudioChunk):
        pass
    assert message.sample_count == 240
    # 98 more chunks of the first event are ready, and a whole event waits behind them.
    pcm = np.full(24_000, 0.25, np.float32)
    await engine.tell(AudioReady(first, pcm, 24_000))
    speaker.cancel(None)
    report = speaker.pull()
    assert isinstance(report, pb.ContextCancelled)
    assert report.usage.samples == 240
    assert report.audio_sent.ToMilliseconds() == 10
    assert report.text_spoken + report.text_remaining == LONG_TEXT
    assert speaker.ended
    assert speaker.pull() is None
    assert set(engine.aborted) == {first, second}
    await engine.tell(AudioReady(first, pcm, 48_000))
    assert speaker.pull() is None


async def test_a_cancel_overtakes_audio_whose_segment_was_announced() -> None:
    engine = ScriptedEngine()
    speaker = _speaker(engine)
    await speaker.bridge.append(LONG_TEXT)
    await engine.speak(next(iter(engine.requests)), 1.0)
    assert isinstance(speaker.pull(), pb.ContextStarted)
    assert isinstance(speaker.pull(), pb.SegmentStarted)
    speaker.cancel(None)
    assert _all(speaker) == ["ContextCancelled"]


async def test_a_failure_overtakes_what_was_not_yet_sent() -> None:
    engine = ScriptedEngine()
    speaker = _speaker(engine)
    await speaker.bridge.append(LONG_TEXT)
    (first, _) = engine.requests
    await engine.speak(first, 1.0)
    while not isinstance(speaker.pull(), pb.AudioChunk):
        pass
    speaker.fail(EngineDiedError("gone"))
    assert _all(speaker) == ["ContextFailed"]


async def test_an_encoder_that_fails_ends_its_context_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(_encoder: AudioEncoder, _pcm: object) -> list[EncodedChunk]:
        raise EngineFailureError("the encoder failed")

    monkeypatch.setattr(AudioEncoder, "feed", broken)
    engine = ScriptedEngine()
    speaker = _speaker(engine)
    await speaker.bridge.append(LONG_TEXT)
    await engine.speak(next(iter(engine.requests)), 1.0)
    assert _all(speaker) == ["ContextStarted", "SegmentStarted", "ContextFailed"]
    assert speaker.ended
    assert set(engine.aborted) == set(engine.requests)


async def test_a_call_that_is_shut_ends_though_there_is_more_to_send() -> None:
    engine, listener, sent = ScriptedEngine(), Listener(), []
    speaker = _speaker(engine)
    await speaker.bridge.append(LONG_TEXT)
    await engine.speak(next(iter(engine.requests)), 1.0)  # a hundred messages

    class _CallThatIsShut:
        async def send(self, message: Message) -> None:
            sent.append(message)
            listener.shut(DrainingError("over"))

    call, resources = cast("Call", _CallThatIsShut()), _resources(engine)
    with pytest.raises(DrainingError):
        await send_all(call, speaker, listener, resources)
    assert len(sent) == 1


async def test_a_heartbeat_never_comes_before_the_start_of_its_context() -> None:
    engine = ScriptedEngine()
    resources = _resources(engine)
    plan = _plan(resources.frontend)
    defaults = ContextDefaults(pb.SpeechConfig(), plan, None)
    call: Any = _CallOfNobody()
    session = Session(call, resources, Terms(defaults, None, heartbeat_s=1.0))
    session._contexts.open("a", plan)
    session._on_timer(time.monotonic() + 2)
    first = session._next_response()
    assert first is not None
    assert first.HasField("context_started")
    session._on_timer(time.monotonic() + 2)
    second = session._next_response()
    assert second is not None
    assert second.HasField("progress")


async def test_nothing_is_asked_for_while_the_sender_does_not_pull() -> None:
    engine = ScriptedEngine()
    speaker = _speaker(engine)
    await speaker.bridge.append(LONG_TEXT)
    speaker.bridge.finish()
    # Utterances of one text in the engine at once.
    assert len(engine.requests) == 2
    for utterance in tuple(engine.requests):
        await engine.speak(utterance, 1.0)
    assert len(engine.requests) == 2


async def test_the_first_utterance_is_refused_and_the_next_one_waits() -> None:
    engine = ScriptedEngine()
    engine.refuse = CapacityError("full")
    refused = _speaker(engine)
    await refused.bridge.append(LONG_TEXT)
    assert isinstance(refused.bridge.failure, CapacityError)

    speaker = _speaker(engine)
    engine.room = 1
    engine.refuse = None
    await speaker.bridge.append(LONG_TEXT)
    speaker.bridge.finish()
    assert len(engine.requests) == 1
    assert speaker.bridge.failure is None
    engine.room = 2
    await eventually(lambda: len(engine.requests) == 2)
    speaker.bridge.close()


async def test_a_text_that_waits_for_room_fails_when_the_engine_dies() -> None:
    engine = ScriptedEngine()
    speaker = _speaker(engine)
    engine.room = 1
    await speaker.bridge.append(LONG_TEXT)
    assert len(engine.requests) == 1
    assert speaker.bridge.failure is None
    engine.refuse = EngineDiedError("gone")
    await eventually(lambda: speaker.bridge.failure is engine.refuse)
    assert set(engine.aborted) >= set(engine.requests)
    assert _all(speaker) == ["ContextStarted", "ContextFailed"]


async def test_a_closed_bridge_stops_everything_and_may_be_closed_again() -> None:
    engine = ScriptedEngine()
    speaker = _speaker(engine)
    await speaker.bridge.append(LONG_TEXT)
    live = list(engine.requests)
    speaker.bridge.close()
    speaker.bridge.close()
    assert sorted(engine.aborted) == sorted(live)
    await engine.speak(live[0], 1.0)
    assert _all(speaker) == ["ContextStarted"]


def test_an_engine_may_talk_to_a_loop_that_is_gone() -> None:
    engine = ScriptedEngine()

    async def open_and_leave() -> None:
        await _speaker(engine).bridge.append(LONG_TEXT)

    asyncio.run(open_and_leave())
    (utterance, listener), *_ = engine.requests.items()
    listener((UtteranceStarted(utterance),))


async def test_silence_that_the_encoder_made_up_is_not_taken_for_speech() -> None:
    """Opus is filled up at a flush; the listener's clock counts that, the context's does not."""
    engine = ScriptedEngine()
    frontend = SpeechFrontend(open_checkpoint("noise"))
    config = pb.SpeechConfig(
        audio_format=audio_pb2.AudioFormat(
            encoding=audio_pb2.AUDIO_ENCODING_OGG_OPUS, sample_rate_hz=48_000
        ),
        segmentation=audio_pb2.SegmentationConfig(pause={"seconds": 0}),
    )
    plan = SettingsReader(frontend, ServerConfig()).read(
        config, path="config", live=True, deadline_s=None
    )
    context = SpeechContext("", frontend, plan.settings, time.monotonic)
    access = EngineAccess(
        cast("Engine", engine), asyncio.get_running_loop(), lambda _: None, Tenants().of("")
    )
    bridge = Bridge(context, access, lambda: None, NoTracing())
    call: Any = _CallOfNobody()
    speaker = Speaker(
        bridge, plan, frontend, cast("Call", call), told=_told, started_s=time.monotonic()
    )
    await bridge.append("One two three. ")
    bridge.flush("f")
    (first,) = engine.requests
    await engine.speak(first, 1.0)
    await engine.finish(first)
    chunks = [m for m in _pulled(speaker) if isinstance(m, pb.AudioChunk)]
    sent_s = sum(chunk.sample_count for chunk in chunks) / 48_000
    filling_s = sent_s - 1.0
    assert 0.01 < filling_s < 0.1
    speaker.report_playback(0.5)
    assert engine.played[-1] == 0.5
    await bridge.append("Four five six. ")
    bridge.flush("g")
    (second,) = set(engine.requests) - {first}
    await engine.speak(second, 1.0)
    assert "AudioChunk" in _all(speaker)
    speaker.report_playback(sent_s + 0.25)
    assert abs(engine.played[-1] - 1.25) < 1e-4

"""Synthesize and StreamSynthesize: one text, known from the start."""

from __future__ import annotations

import asyncio
import time
from typing import NoReturn, assert_never

import numpy as np
from google.protobuf.message import Message
from numpy.typing import NDArray

from bark_core.audio import encode_all
from bark_core.errors import BarkstreamError
from bark_core.speech import (
    CancelReport,
    ContextAudio,
    ContextCompleted,
    ContextEvent,
    ContextFailed,
    ContextProgress,
    ContextQueued,
    Flushed,
    SegmentCompleted,
    SegmentStarted,
)
from barkstream.v1 import speech_service_pb2 as pb
from barkstream_server.bridge import Bridge
from barkstream_server.call import Call
from barkstream_server.convert.audio_format import audio_format_message
from barkstream_server.convert.messages import (
    receipt_message,
    segment_message,
    timing_message,
    usage_message,
)
from barkstream_server.convert.settings import SpeechPlan
from barkstream_server.resources import SpeechResources
from barkstream_server.speaker import Speaker


class Listener:
    """The guest of a call that speaks one text: shutting down may end it."""

    def __init__(self) -> None:
        self._news = asyncio.Event()
        self._error: BarkstreamError | None = None

    def wake(self) -> None:
        """There may be something to pull."""
        self._news.set()

    def drain(self, grace_s: float) -> None:
        """Nothing to do: the text is all there, it ends by itself."""

    def shut(self, error: BarkstreamError) -> None:
        """End the call."""
        self._error = error
        self._news.set()

    def check(self) -> None:
        """Whether the call may go on.

        Raises:
            BarkstreamError: It was shut.
        """
        if self._error is not None:
            raise self._error

    async def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for news; False: none came in time. Raises what `check` does."""
        try:
            await asyncio.wait_for(self._news.wait(), timeout_s)
        except TimeoutError:
            return False
        self._news.clear()
        self.check()
        return True


async def synthesize(call: Call, resources: SpeechResources) -> None:
    """Speak a short text and answer with the whole audio."""
    request = await call.receive_first(pb.SynthesizeRequest)
    await resources.check_whole_text(request.text, resources.config.max_synthesize_characters)
    listener = Listener()
    with resources.admission.admit(listener, resources.tenant_of(call)):
        plan = await resources.read_plan(
            request.config, path="config", live=False, deadline_s=call.deadline_s
        )
        bridge = resources.open_bridge(call, "", plan, listener.wake)
        try:
            whole = _WholeText(resources.frontend.config.sample_rate_hz)
            await _speak(bridge, request.text)
            while whole.completed is None:
                event = bridge.pull()
                if event is None:
                    await listener.wait()
                else:
                    whole.take(event)
        finally:
            bridge.close()
        response = await resources.run(lambda: whole.response(plan))
        call.stats.first_audio_s = time.monotonic() - call.started_s
        call.stats.audio_s = response.usage.samples / plan.audio_format.sample_rate_hz
        call.stats.utterances = response.usage.utterances
        await call.send(response)


async def stream_synthesize(call: Call, resources: SpeechResources) -> None:
    """Speak a text and send the audio while it is being made."""
    request = await call.receive_first(pb.StreamSynthesizeRequest)
    await resources.check_whole_text(request.text, resources.config.max_text_characters)
    listener = Listener()
    with resources.admission.admit(listener, resources.tenant_of(call)):
        plan = await resources.read_plan(
            request.config, path="config", live=False, deadline_s=call.deadline_s
        )
        bridge = resources.open_bridge(call, "", plan, listener.wake)
        try:
            speaker = Speaker(
                bridge,
                plan,
                resources.frontend,
                call,
                told=_raise,
                started_s=call.started_s,
            )
            await _speak(bridge, request.text)
            await send_all(call, speaker, listener, resources)
        finally:
            bridge.close()


async def _speak(bridge: Bridge, text: str) -> None:
    """Give the whole text; raises why the context failed at once (full, nothing speakable)."""
    await bridge.append(text, final=True)
    if bridge.failure is not None:
        raise bridge.failure


async def send_all(
    call: Call, speaker: Speaker, listener: Listener, resources: SpeechResources
) -> None:
    """Send what a speaker brings until its last message.

    Raises:
        BarkstreamError: The text failed, or the call was shut.
    """
    heartbeat_s = resources.config.heartbeat_s
    sent_s = time.monotonic()
    while not speaker.ended:
        listener.check()
        message = speaker.pull()
        if message is None:
            # News need not bring a message: only what is sent makes the next heartbeat later.
            if await listener.wait(sent_s + heartbeat_s - time.monotonic()):
                continue
            message = speaker.progress(resources.engine.load().waiting)
        await call.send(_response(message))
        sent_s = time.monotonic()


def _raise(error: BarkstreamError) -> NoReturn:
    raise error


def _response(message: Message) -> pb.StreamSynthesizeResponse:
    match message:
        case pb.ContextStarted():
            return pb.StreamSynthesizeResponse(started=message)
        case pb.SegmentStarted():
            return pb.StreamSynthesizeResponse(segment_started=message)
        case pb.AudioChunk():
            return pb.StreamSynthesizeResponse(audio=message)
        case pb.Progress():
            return pb.StreamSynthesizeResponse(progress=message)
        case pb.Queued():
            return pb.StreamSynthesizeResponse(queued=message)
        case pb.ContextCompleted():
            return pb.StreamSynthesizeResponse(completed=message)
        case _:
            raise AssertionError(type(message).__name__)


class _WholeText:
    """Gathers what a context brings into one response.

    Args:
        native_rate_hz: The model's sample rate.
    """

    def __init__(self, native_rate_hz: int) -> None:
        self.completed: ContextCompleted | None = None
        self._native_rate_hz = native_rate_hz
        self._pcm: list[NDArray[np.float32]] = []
        self._segments: list[SegmentCompleted] = []

    def take(self, event: ContextEvent) -> None:
        """One event, in order.

        Raises:
            BarkstreamError: The context failed.
        """
        match event:
            case ContextAudio(pcm=pcm):
                self._pcm.append(pcm)
            case SegmentCompleted():
                self._segments.append(event)
            case ContextCompleted():
                self.completed = event
            case ContextFailed(error=error):
                raise error
            case (
                SegmentStarted() | ContextProgress() | Flushed() | CancelReport() | ContextQueued()
            ):
                pass
            case _:
                assert_never(event)

    def response(self, plan: SpeechPlan) -> pb.SynthesizeResponse:
        """Encode everything; takes a while for long audio."""
        assert self.completed is not None
        pcm = np.concatenate(self._pcm) if self._pcm else np.zeros(0, np.float32)
        rate_hz = plan.audio_format.sample_rate_hz
        return pb.SynthesizeResponse(
            audio=encode_all(plan.audio_format, self._native_rate_hz, pcm),
            audio_format=audio_format_message(plan.audio_format),
            segments=[
                pb.TimedSegment(
                    segment=segment_message(done.segment),
                    start_sample=self._at(done.start_sample, rate_hz),
                    sample_count=self._at(done.start_sample + done.sample_count, rate_hz)
                    - self._at(done.start_sample, rate_hz),
                )
                for done in self._segments
            ],
            usage=usage_message(
                self.completed.usage, samples=self._at(pcm.size, rate_hz), rate_hz=rate_hz
            ),
            timing=timing_message(self.completed.timing),
            receipt=receipt_message(self.completed.receipt),
        )

    def _at(self, sample: int, rate_hz: int) -> int:
        """A position at the model's rate, at another rate: halves go up, as the resampler's do."""
        return (2 * sample * rate_hz + self._native_rate_hz) // (2 * self._native_rate_hz)

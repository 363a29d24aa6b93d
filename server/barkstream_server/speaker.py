"""One context as a stream of protobuf messages: events of the bridge, audio encoded."""

from __future__ import annotations

import bisect
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import assert_never

from google.protobuf.message import Message

from bark_core.audio import AudioEncoder, EncodedChunk
from bark_core.engine.start_hint import StartHint
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
    SpeechFrontend,
)
from barkstream.v1 import speech_service_pb2 as pb
from barkstream_server.bridge import Bridge
from barkstream_server.call import Call
from barkstream_server.convert.durations import duration_of
from barkstream_server.convert.messages import (
    audio_message,
    cancelled_message,
    progress_message,
    queued_message,
    receipt_message,
    segment_message,
    start_hint_message,
    timing_message,
    usage_message,
)
from barkstream_server.convert.settings import SpeechPlan, effective_config

TERMINAL_MESSAGES = (pb.ContextCompleted, pb.ContextCancelled, pb.ContextFailed)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a segment's audio is, in samples of the format.

    Attributes:
        start_sample: First sample.
        filling: Samples before it that the encoder made up.
        index: The segment's.
    """

    start_sample: int
    filling: int
    index: int


class Speaker:
    """Turns what a bridge brings into messages, one at a time.

    Args:
        bridge: Its context.
        plan: How the context speaks.
        frontend: For the model's rate and the configuration in effect.
        call: Whose it is; what is sent is counted in its ``stats``.
        told: What the caller is told of a failure; may raise it instead.
        started_s: ``time.monotonic()`` moment from which first audio is measured.

    Attributes:
        bridge: The context's bridge.
        ended: The terminal message has been pulled.
    """

    def __init__(
        self,
        bridge: Bridge,
        plan: SpeechPlan,
        frontend: SpeechFrontend,
        call: Call,
        *,
        told: Callable[[BarkstreamError], Message],
        started_s: float,
    ) -> None:
        self.bridge = bridge
        self.ended = False
        self._rate_hz = plan.audio_format.sample_rate_hz
        self._native_rate_hz = frontend.config.sample_rate_hz
        self._encoder = AudioEncoder(plan.audio_format, self._native_rate_hz)
        self._stats = call.stats
        self._told = told
        self._started_s = started_s
        self._chunks = 0
        self._encoded_samples = 0
        self._sent_samples = 0
        self._fed_samples = 0  # of the model's rate
        self._filling = 0  # samples that flushing the encoder put in between
        self._segments: list[_Place] = []
        self._hint: StartHint | None = None  # not told yet
        self._told_buffer_s = 0.0
        receipt = bridge.context.receipt
        self._first: Message | None = pb.ContextStarted(
            effective_config=effective_config(plan, frontend, seed=receipt.seed),
            receipt=receipt_message(receipt),
        )
        self._messages: deque[Message] = deque()

    @property
    def started(self) -> bool:
        """The first message has been pulled."""
        return self._first is None

    @property
    def audio_sent_s(self) -> float:
        """Audio given out so far."""
        return self._sent_samples / self._rate_hz

    def report_playback(self, played_s: float) -> None:
        """What the listener has heard. Raises what `Bridge.report_playback` does."""
        self.bridge.report_playback(self._context_time(played_s))

    def cancel(self, played_s: float | None) -> None:
        """Stop at once: of what was not pulled yet only the report is left.

        Raises what `Bridge.cancel` does.
        """
        if not self.bridge.context.ended:
            self.bridge.cancel(None if played_s is None else self._context_time(played_s))
            self._messages.clear()

    def fail(self, error: BarkstreamError) -> None:
        """Stop at once: of what was not pulled yet only the failure is left."""
        if not self.bridge.context.ended:
            self.bridge.fail(error)
            self._messages.clear()

    def progress(self, queue_position: int) -> pb.Progress:
        """Still alive."""
        return self._progress(self.bridge.progress(), queue_position)

    def pull(self) -> Message | None:
        """The next message; None: nothing now, or ended."""
        if self._first is not None:
            first, self._first = self._first, None
            return first
        while not self._messages:
            event = None if self.ended else self.bridge.pull()
            if event is None:
                return None
            try:
                self._take(event)
            except BarkstreamError as error:  # the encoder's: no fault of other contexts
                self.bridge.close()
                self._messages.append(self._told(error))
        message = self._messages.popleft()
        self._count(message)
        return message

    def _take(self, event: ContextEvent) -> None:  # noqa: C901 - one case for each event
        """Turn an event into messages."""
        match event:
            case SegmentStarted(segment=segment, start_sample=start_sample):
                start = self._filling + start_sample * self._rate_hz // self._native_rate_hz
                self._segments.append(_Place(start, self._filling, segment.index))
                self._messages.append(pb.SegmentStarted(segment=segment_message(segment)))
            case ContextAudio(pcm=pcm):
                self._hint = event.start_hint or self._hint
                self._fed_samples += pcm.size
                self._add_audio(self._encoder.feed(pcm))
            case SegmentCompleted():
                # Nothing follows for now: do not keep the listener waiting for the last word. At
                # the end of the text the encoder is finished instead, without filling.
                if self.bridge.context.idle and not self.bridge.context.ended:
                    self._flush_encoder()
            case Flushed(flush_id=flush_id):
                self._flush_encoder()
                encoded_s = self._encoded_samples / self._rate_hz
                self._messages.append(
                    pb.Flushed(flush_id=flush_id, audio_sent=duration_of(encoded_s))
                )
            case ContextCompleted():
                self._add_audio(self._encoder.finish())
                self._messages.append(
                    pb.ContextCompleted(
                        usage=usage_message(
                            event.usage, samples=self._encoded_samples, rate_hz=self._rate_hz
                        ),
                        timing=timing_message(event.timing),
                        receipt=receipt_message(event.receipt),
                    )
                )
                self._stats.utterances += event.usage.utterances
            case CancelReport():
                self._messages.append(
                    cancelled_message(event, samples=self._sent_samples, rate_hz=self._rate_hz)
                )
                self._stats.utterances += event.usage.utterances
            case ContextFailed():
                self._stats.utterances += event.usage.utterances
                self._messages.append(self._told(event.error))
            case ContextQueued():
                self._messages.append(queued_message(event))
            case ContextProgress():
                self._take_progress(event)
            case _:
                assert_never(event)

    def _take_progress(self, progress: ContextProgress) -> None:
        """Goes out as a heartbeat only, but for a hint that lets the player start."""
        hint = progress.start_hint
        if hint is not None and hint.wait_s <= 0 and hint.buffer_s < self._told_buffer_s:
            self._told_buffer_s = hint.buffer_s
            self._messages.append(self._progress(progress))

    def _progress(self, progress: ContextProgress | None, queue_position: int = 0) -> pb.Progress:
        return progress_message(
            progress,
            queue_position=queue_position,
            audio_sent_s=self.audio_sent_s,
            native_rate_hz=self._native_rate_hz,
        )

    def _flush_encoder(self) -> None:
        self._add_audio(self._encoder.flush())
        heard = self._fed_samples * self._rate_hz // self._native_rate_hz
        self._filling = max(self._encoded_samples - heard, 0)

    def _add_audio(self, chunks: Sequence[EncodedChunk]) -> None:
        for chunk in chunks:
            message = audio_message(
                chunk,
                segment_index=self._place(chunk.start_sample).index,
                chunk_index=self._chunks,
            )
            if self._hint is not None:
                message.start_hint.CopyFrom(start_hint_message(self._hint))
                self._told_buffer_s = self._hint.buffer_s
                self._hint = None
            self._messages.append(message)
            self._chunks += 1
            self._encoded_samples += chunk.sample_count

    def _place(self, sample: int) -> _Place:
        """The segment that a sample of the format belongs to."""
        after = bisect.bisect_right(self._segments, sample, key=lambda place: place.start_sample)
        return self._segments[max(after - 1, 0)] if self._segments else _Place(0, 0, 0)

    def _context_time(self, played_s: float) -> float:
        """Seconds of what was sent as seconds of the context: without the encoder's filling."""
        if not math.isfinite(played_s):
            return played_s
        filling = self._place(int(played_s * self._rate_hz)).filling
        return max(played_s - filling / self._rate_hz, min(played_s, 0.0))

    def _count(self, message: Message) -> None:
        """Note that a message leaves."""
        if isinstance(message, pb.AudioChunk):
            self._sent_samples += message.sample_count
            self._stats.audio_s += message.sample_count / self._rate_hz
            if self._stats.first_audio_s is None:
                self._stats.first_audio_s = time.monotonic() - self._started_s
        self.ended = isinstance(message, TERMINAL_MESSAGES)

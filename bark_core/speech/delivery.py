"""Brings the audio of utterances into the order of the text, with pauses and without clicks."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from bark_core.engine.events import (
    AudioReady,
    UtteranceFinished,
    UtteranceProgress,
    UtteranceReport,
    UtteranceStarted,
)
from bark_core.engine.start_hint import MAX_BUFFER_S, StartHint
from bark_core.errors import EngineFailureError
from bark_core.speech.events import (
    ContextAudio,
    ContextEvent,
    ContextProgress,
    Flushed,
    SegmentCompleted,
    SegmentStarted,
    SpeechTiming,
    SpeechUsage,
)
from bark_core.speech.fade import EdgeFade
from bark_core.speech.playback import PlaybackClock
from bark_core.speech.timeline import PlacedSegment, Timeline
from bark_core.text.base import TextSegment

FloatArray = NDArray[np.float32]
DeliveredEvent = UtteranceStarted | AudioReady | UtteranceProgress | UtteranceFinished


@dataclass(slots=True, eq=False)
class _Utterance:
    """An utterance in the engine, or done but not yet its turn."""

    segment: TextSegment
    fade: EdgeFade
    ready: deque[FloatArray] = field(default_factory=deque)
    received_samples: int = 0
    has_slot: bool = False
    progress: UtteranceProgress | None = None
    finished: UtteranceFinished | None = None
    placed: PlacedSegment | None = None


class Delivery:
    """The audio side of a context.

    Bounded by its owner: at most ``utterances_ahead`` utterances are expected at once, each at
    most as long as the model's limit.

    Args:
        sample_rate_hz: Of all samples.
        pause_s: Silence between two utterances that have sound.
        fade_s: Fade at both ends of an utterance.
        clock: Seconds.
        honours_hints: The listener starts as start hints say.
    """

    def __init__(
        self,
        sample_rate_hz: int,
        pause_s: float,
        fade_s: float,
        clock: Callable[[], float],
        *,
        honours_hints: bool = False,
    ) -> None:
        self.timeline = Timeline(sample_rate_hz)
        self.playback = PlaybackClock(sample_rate_hz, honours_hints=honours_hints)
        self._rate_hz = sample_rate_hz
        self._pause_samples = round(pause_s * sample_rate_hz)
        self._fade_samples = round(fade_s * sample_rate_hz)
        self._clock = clock
        self._live: dict[str, _Utterance] = {}  # in the order of the text
        self._flushes: deque[tuple[str, int]] = deque()  # id, utterances that come before it
        self._reports: list[UtteranceReport] = []
        self._sent_samples = 0
        self._last_index = 0
        self._first_audio_s: float | None = None
        self._hint: StartHint | None = None  # the latest
        self._hint_is_new = False
        self._held_pauses_s = 0.0  # of what the listener has not heard

    @property
    def live(self) -> tuple[str, ...]:
        """Ids of the utterances that are not fully delivered, in the order of the text."""
        return tuple(self._live)

    @property
    def unfinished(self) -> tuple[str, ...]:
        """Ids of those that the engine has not finished."""
        return tuple(name for name, one in self._live.items() if one.finished is None)

    @property
    def delivered(self) -> int:
        """Utterances fully delivered."""
        return len(self._reports)

    @property
    def sent_samples(self) -> int:
        """Samples sent, pauses included."""
        return self._sent_samples

    def expect(self, utterance_id: str, segment: TextSegment) -> None:
        """An utterance was submitted; it comes after all before it."""
        self._live[utterance_id] = _Utterance(segment, EdgeFade(self._fade_samples))

    def mark(self, flush_id: str, utterances: int) -> None:
        """A flush was asked for after so many utterances of the text."""
        self._flushes.append((flush_id, utterances))

    @property
    def marks(self) -> int:
        """Flushes that wait for their audio."""
        return len(self._flushes)

    def due_flushes(self) -> list[ContextEvent]:
        """The flushes whose audio was all sent."""
        due: list[ContextEvent] = []
        while self._flushes and self._flushes[0][1] <= self.delivered:
            due.append(Flushed(self._flushes.popleft()[0], self._sent_samples))
        return due

    def take(self, event: DeliveredEvent) -> list[ContextEvent]:
        """What an event of the engine lets out. Events of unknown utterances are ignored.

        Raises:
            EngineFailureError: Audio is missing or came twice.
        """
        utterance = self._live.get(event.utterance_id)
        if utterance is None:
            return []
        match event:
            case UtteranceStarted():
                utterance.has_slot = True
            case UtteranceProgress():
                utterance.progress = event
                if utterance.placed is not None:
                    utterance.placed.expected_samples = event.expected_samples
                if not self._is_next(utterance):
                    return []
                self._take_hint(event.start_hint)
                told = self._progress(utterance)
                self._tell_playback()
                return [told]
            case AudioReady():
                if event.start_sample != utterance.received_samples or utterance.finished:
                    raise EngineFailureError("the engine sent audio out of order; try again")
                utterance.received_samples += event.pcm.size
                self._take_hint(event.start_hint)
                self._keep(utterance, utterance.fade.feed(event.pcm))
            case UtteranceFinished():
                self._keep(utterance, utterance.fade.finish())
                utterance.finished = event
        events = self._deliver()
        self._tell_playback()
        return events

    def start_now(self) -> list[ContextEvent]:
        """For now nothing more will come: tell a listener who waits for more."""
        if not self.playback.waiting:
            return []
        self._take_hint(StartHint(buffer_s=0.0, expected_audio_s=0.0, wait_s=0.0))
        self._tell_playback()
        self._hint_is_new = False
        return [
            ContextProgress(
                segment_index=self._last_index,
                waiting=False,
                semantic_tokens=0,
                coarse_frames=0,
                expected_samples=None,
                sent_samples=self._sent_samples,
                start_hint=self._hint,
            )
        ]

    def progress(self) -> ContextProgress | None:
        """Where the utterance stands whose audio comes next; None: nothing is being made."""
        for utterance in self._live.values():
            return self._progress(utterance)
        return None

    def usage(self, text_characters: int) -> SpeechUsage:
        """What was made so far."""
        live = [one.progress for one in self._live.values() if one.progress is not None]
        return SpeechUsage(
            text_characters=text_characters,
            utterances=len(self._reports)
            + sum(one.placed is not None for one in self._live.values()),
            semantic_tokens=sum(report.semantic_tokens for report in self._reports)
            + sum(progress.semantic_tokens for progress in live),
            codec_frames=sum(report.frames for report in self._reports)
            + sum(progress.fine_frames for progress in live),
            samples=self._sent_samples,
        )

    def timing(self, opened_s: float) -> SpeechTiming:
        """How long it took since ``opened_s``."""
        first_s = self._first_audio_s
        return SpeechTiming(
            first_audio_s=None if first_s is None else first_s - opened_s,
            total_s=self._clock() - opened_s,
            queued_s=sum(report.queued_s for report in self._reports),
            audio_s=self._sent_samples / self._rate_hz,
        )

    def _take_hint(self, hint: StartHint | None) -> None:
        """The engine does not know of the pauses that are in the listener's buffer."""
        if hint is None:
            return
        if hint.buffer_s:
            buffer_s = min(hint.buffer_s + self._held_pauses_s, MAX_BUFFER_S)
            hint = replace(hint, buffer_s=buffer_s)
        self._hint, self._hint_is_new = hint, True

    def _tell_playback(self) -> None:
        if self._hint is not None:
            self.playback.hint(self._hint.buffer_s, self._clock())

    def _keep(self, utterance: _Utterance, pcm: FloatArray) -> None:
        if pcm.size:
            utterance.ready.append(pcm)

    def _is_next(self, utterance: _Utterance) -> bool:
        return next(iter(self._live.values())) is utterance

    def _deliver(self) -> list[ContextEvent]:
        """All that may go out now, in the order of the text."""
        events: list[ContextEvent] = []
        while self._live:
            utterance_id, utterance = next(iter(self._live.items()))
            if utterance.ready or utterance.finished:
                placed = utterance.placed or self._begin(utterance, events)
                while utterance.ready:
                    self._send(utterance.ready.popleft(), placed.segment.index, events)
                placed.sent_samples = self._sent_samples - placed.start_sample
                if utterance.finished:
                    self._end(utterance.finished, placed, events)
                    del self._live[utterance_id]
                    continue
            break
        return events

    def _begin(self, utterance: _Utterance, events: list[ContextEvent]) -> PlacedSegment:
        if utterance.ready and self._sent_samples and self._pause_samples:
            silence = np.zeros(self._pause_samples, dtype=np.float32)
            self._send(silence, self._last_index, events)
            self._held_pauses_s += self._pause_samples / self._rate_hz
        placed = self.timeline.place(utterance.segment, self._sent_samples)
        if utterance.progress is not None:
            placed.expected_samples = utterance.progress.expected_samples
        utterance.placed = placed
        events.append(SegmentStarted(utterance.segment, self._sent_samples))
        return placed

    def _send(self, pcm: FloatArray, segment_index: int, events: list[ContextEvent]) -> None:
        hint = self._hint if self._hint_is_new else None
        self._hint_is_new = False
        events.append(ContextAudio(pcm, self._sent_samples, segment_index, hint))
        now_s = self._clock()
        if self.playback.played_s(now_s) == self.playback.sent_s:
            self._held_pauses_s = 0.0
        self.playback.sent(pcm.size, now_s)
        self._sent_samples += pcm.size
        self._last_index = segment_index
        if self._first_audio_s is None:
            self._first_audio_s = now_s

    def _end(
        self, finished: UtteranceFinished, placed: PlacedSegment, events: list[ContextEvent]
    ) -> None:
        placed.complete = True
        self._reports.append(finished.report)
        events.append(
            SegmentCompleted(
                segment=placed.segment,
                start_sample=placed.start_sample,
                sample_count=placed.sent_samples,
                report=finished.report,
                tokens=finished.tokens,
            )
        )
        events.extend(self.due_flushes())

    def _progress(self, utterance: _Utterance) -> ContextProgress:
        progress = utterance.progress
        # A heartbeat repeats what a listener who waits was told.
        hint = self._hint if self._hint_is_new or self.playback.waiting else None
        return ContextProgress(
            segment_index=utterance.segment.index,
            waiting=not utterance.has_slot,
            semantic_tokens=progress.semantic_tokens if progress else 0,
            coarse_frames=progress.coarse_frames if progress else 0,
            expected_samples=progress.expected_samples if progress else None,
            sent_samples=self._sent_samples,
            start_hint=hint,
        )

"""A context's owner in tests: carries out actions, plays an engine by hand, checks every event."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from bark_core.engine.events import (
    AudioReady,
    Event,
    StageSeconds,
    UtteranceFinished,
    UtteranceProgress,
    UtteranceReport,
    UtteranceStarted,
)
from bark_core.engine.request import UtteranceRequest
from bark_core.speech import (
    Actions,
    CancelReport,
    ContextAudio,
    ContextCompleted,
    ContextEvent,
    ContextFailed,
    Flushed,
    SegmentCompleted,
    SegmentStarted,
    SpeechContext,
)
from bark_core.voices import Voice

TERMINAL = (ContextCompleted, CancelReport, ContextFailed)


class ManualClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@dataclass(slots=True)
class Owner:
    """Carries out what a context wants and checks what must hold for every one of its events."""

    context: SpeechContext
    requests: dict[str, UtteranceRequest] = field(default_factory=dict)  # live in the engine
    submitted: list[UtteranceRequest] = field(default_factory=list)
    events: list[ContextEvent] = field(default_factory=list)
    aborted: list[str] = field(default_factory=list)
    sent: dict[str, int] = field(default_factory=dict)  # samples by utterance

    def do(self, actions: Actions) -> list[ContextEvent]:
        for utterance_id in actions.abort:
            assert utterance_id in self.requests
            del self.requests[utterance_id]
            self.aborted.append(utterance_id)
        for request in actions.submit:
            assert request.utterance_id not in self.sent, "submitted twice"
            assert request.index == len(self.submitted)
            assert request.stream_id == self.context.stream_id
            self.requests[request.utterance_id] = request
            self.submitted.append(request)
            self.sent[request.utterance_id] = 0
        for event in actions.events:
            self._check(event)
            self.events.append(event)
        return list(actions.events)

    def started(self, index: int) -> list[ContextEvent]:
        return self.tell(UtteranceStarted(self.name(index)))

    def audio(self, index: int, samples: int, value: float = 0.5) -> list[ContextEvent]:
        name = self.name(index)
        pcm = np.full(samples, value, dtype=np.float32)
        start = self.sent[name]
        self.sent[name] += samples
        return self.tell(AudioReady(name, pcm, start))

    def progress(self, index: int, expected_samples: int | None) -> list[ContextEvent]:
        return self.tell(UtteranceProgress(self.name(index), 7, True, 5, 3, expected_samples))

    def finished(self, index: int, tokens: Voice | None = None) -> list[ContextEvent]:
        name = self.name(index)
        del self.requests[name]
        samples = self.sent[name]
        report = UtteranceReport(
            semantic_tokens=10,
            frames=samples // 320,
            samples=samples,
            first_audio_s=0.1 if samples else None,
            total_s=0.5,
            queued_s=0.25,
            stages=StageSeconds(),
            hit_limit=False,
        )
        return self.tell(UtteranceFinished(name, report, tokens))

    def tell(self, event: Event) -> list[ContextEvent]:
        return self.do(self.context.on_event(event))

    def name(self, index: int) -> str:
        return self.submitted[index].utterance_id

    @property
    def pcm(self) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
        parts = [event.pcm for event in self.events if isinstance(event, ContextAudio)]
        return np.concatenate([np.zeros(0, dtype=np.float32), *parts])

    def of(self, *kinds: type) -> list[ContextEvent]:
        return [event for event in self.events if isinstance(event, kinds)]

    def _check(self, event: ContextEvent) -> None:
        assert not self.of(*TERMINAL), "an event after the terminal one"
        sent_samples = self.pcm.size
        match event:
            case ContextAudio():
                assert event.pcm.size > 0
                assert event.pcm.dtype == np.float32
                assert event.start_sample == sent_samples
            case SegmentStarted():
                assert event.segment.index == len(self.of(SegmentStarted))
                assert event.start_sample == sent_samples
            case SegmentCompleted():
                assert event.segment.index == len(self.of(SegmentCompleted))
                assert event.sample_count == self.sent[self.name(event.segment.index)]
                assert event.start_sample + event.sample_count == sent_samples
            case Flushed():
                assert event.sent_samples == sent_samples
            case ContextCompleted():
                assert not self.requests
                assert event.usage.samples == sent_samples
            case _:
                pass


def spoken(owner: Owner, index: int, samples: int) -> None:
    """An utterance from its start to its end."""
    owner.started(index)
    if samples:
        owner.audio(index, samples)
    owner.finished(index)


Opener = Callable[..., Owner]

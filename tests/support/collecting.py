"""Collects the events of utterances of a real engine."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bark_core.engine import Engine, UtteranceRequest
from bark_core.engine.events import (
    AudioReady,
    Event,
    UtteranceAborted,
    UtteranceFailed,
    UtteranceFinished,
)

PATIENCE_S = 60.0


class Collector:
    """Listens to one utterance."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.ended = threading.Event()
        self.audible = threading.Event()

    def __call__(self, events: Sequence[Event]) -> None:
        assert not self.ended.is_set(), "events after the terminal one"
        self.events += events
        if any(isinstance(event, AudioReady) for event in events):
            self.audible.set()
        if isinstance(events[-1], UtteranceFinished | UtteranceAborted | UtteranceFailed):
            self.ended.set()

    def end(self) -> UtteranceFinished | UtteranceAborted | UtteranceFailed:
        """Waits for the terminal event."""
        assert self.ended.wait(PATIENCE_S), "the utterance did not end"
        last = self.events[-1]
        assert isinstance(last, UtteranceFinished | UtteranceAborted | UtteranceFailed)
        return last

    def finished(self) -> UtteranceFinished:
        end = self.end()
        assert isinstance(end, UtteranceFinished), end
        return end

    def failed(self) -> UtteranceFailed:
        end = self.end()
        assert isinstance(end, UtteranceFailed), end
        return end

    @property
    def pcm(self) -> NDArray[np.float32]:
        """All audio; checks that it has no gaps."""
        pieces = [np.zeros(0, np.float32)]
        for event in self.events:
            if isinstance(event, AudioReady):
                assert event.start_sample == sum(map(len, pieces))
                pieces.append(event.pcm)
        return np.concatenate(pieces)


def submit(engine: Engine, *requests: UtteranceRequest) -> list[Collector]:
    """Submits all, in order."""
    collectors = []
    for request in requests:
        collector = Collector()
        engine.submit(request, collector)
        collectors.append(collector)
    return collectors

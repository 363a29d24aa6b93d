"""The engine loop in pretended time: no thread, no sleep, every run the same."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from bark_core.backends.base import BackendInfo, BackendLimits, Batch, Output
from bark_core.backends.fake import Cost, FakeBackend, FakeScript
from bark_core.config import SMALL, BarkConfig, published
from bark_core.engine.assignment import Assignment
from bark_core.engine.commands import Abort, ReportPlayback, Submit, TickReport
from bark_core.engine.costs import MeasuredCosts
from bark_core.engine.events import (
    AudioReady,
    Event,
    UtteranceAborted,
    UtteranceFailed,
    UtteranceFinished,
)
from bark_core.engine.interface import EngineLimits
from bark_core.engine.loop import EngineLoop
from bark_core.engine.request import UtteranceRequest
from tests.support.pretended_lanes import PretendedLanes

CONFIG = published("fake", SMALL)
TERMINAL = (UtteranceFinished, UtteranceAborted, UtteranceFailed)

# One stream takes about 0.35 s a second of audio: 150 coarse and 50 semantic steps and the rest.
SPEECH_COSTS = (
    ("SemanticPrefill", Cost(0.01, 0.005)),
    ("SemanticStep", Cost(0.001, 0.0002)),
    ("CoarsePrefill", Cost(0.01, 0.01)),
    ("CoarseStep", Cost(0.001, 0.0002)),
    ("FinePass", Cost(0.005, 0.01)),
    ("CodecDecode", Cost(0.002, 0.002)),
)


def limits(slots: int = 4, lanes: int = 1) -> BackendLimits:
    """As wide as there are slots."""
    return BackendLimits(slots, slots, slots, slots, slots, lanes)


@dataclass
class Executed:
    """One batch that ran."""

    at_s: float
    kind: str
    rows: int


@dataclass
class Simulation:
    """A loop, its pretended clock, and everything that happened."""

    slots: int = 4
    script: FakeScript = field(default_factory=lambda: FakeScript(costs=SPEECH_COSTS))
    config: BarkConfig = CONFIG
    progress_interval_s: float = 0.25
    now_s: float = 100.0
    events: list[tuple[float, Event]] = field(default_factory=list)
    executed: list[Executed] = field(default_factory=list)
    limits: BackendLimits | None = None
    waits: list[float] = field(default_factory=list)
    agenda: list[tuple[float, Callable[[], None]]] = field(default_factory=list)
    bounds: EngineLimits = field(default_factory=EngineLimits)
    costs: MeasuredCosts | None = None
    on_report: Callable[[TickReport], None] = lambda _: None
    lanes: int = 1
    prefills_beside_steps: bool = False
    jitter: random.Random | None = None  # of the lengths of batches in several lanes

    def __post_init__(self) -> None:
        made = replace(
            self.limits or limits(self.slots),
            lanes=self.lanes,
            prefills_beside_steps=self.prefills_beside_steps,
        )
        self.backend = FakeBackend(self.config, made, self.script, self._sleep)
        bounds = replace(self.bounds, progress_interval_s=self.progress_interval_s)
        recorded = _Recorded(self)
        self.pretended = PretendedLanes(recorded, self._now, self._lasts_s)
        self.loop = EngineLoop(
            recorded,
            self.config,
            bounds,
            self._now,
            self.costs,
            lanes=None if self.lanes == 1 else self.pretended,
        )

    def _now(self) -> float:
        return self.now_s

    def _sleep(self, seconds: float) -> None:
        if self.lanes == 1:
            self.now_s += seconds

    def _lasts_s(self, assignment: Assignment) -> float:
        """In several lanes: as in one, or anything up to three times that."""
        cost = dict(self.script.costs).get(type(assignment.batch).__name__, Cost())
        lasts_s = assignment.steps * (cost.batch_s + len(assignment.riders) * cost.row_s)
        return lasts_s * (1.0 if self.jitter is None else self.jitter.uniform(0, 3))

    def submit(self, request: UtteranceRequest) -> None:
        self.loop.obey(Submit(request, self.now_s))

    def abort(self, *utterance_ids: str) -> None:
        self.loop.obey(Abort(utterance_ids))

    def report(self, stream_id: str, played_s: float) -> None:
        self.loop.obey(ReportPlayback(stream_id, played_s))

    def at(self, moment_s: float, action: Callable[[], None]) -> None:
        """Do something once the pretended clock has reached a moment."""
        self.agenda.append((moment_s, action))
        self.agenda.sort(key=lambda entry: entry[0])

    def run(self, until_s: float = math.inf, max_turns: int = 200_000) -> None:
        """Turn until nothing will ever happen again, or until a moment."""
        for _ in range(max_turns):
            while self.agenda and self.agenda[0][0] <= self.now_s:
                self.agenda.pop(0)[1]()
            if self.now_s >= until_s:
                return
            turn = self.loop.turn()
            if turn.report is not None:
                self.on_report(turn.report)
                self.events += [(self.now_s, event) for event in turn.report.events]
            if turn.wait_s > 0:
                self.waits.append(turn.wait_s)
                next_s = min(
                    self.now_s + turn.wait_s,
                    self.agenda[0][0] if self.agenda else math.inf,
                    self.pretended.next_s,
                    until_s,
                )
                if math.isinf(next_s):
                    return
                self.now_s = max(self.now_s, next_s)
        raise AssertionError("the simulation does not come to rest")

    def of(self, utterance_id: str) -> list[Event]:
        return [event for _, event in self.events if event.utterance_id == utterance_id]

    def pcm(self, utterance_id: str) -> NDArray[np.float32]:
        """All audio of an utterance; checks that it has no gaps."""
        pieces = [np.zeros(0, np.float32)]
        for event in self.of(utterance_id):
            if isinstance(event, AudioReady):
                assert event.start_sample == sum(map(len, pieces))
                pieces.append(event.pcm)
        return np.concatenate(pieces)

    def end(self, utterance_id: str) -> UtteranceFinished | UtteranceAborted | UtteranceFailed:
        """The one terminal event, which must be the last."""
        events = self.of(utterance_id)
        last = events[-1]
        assert sum(isinstance(event, TERMINAL) for event in events) == 1
        assert isinstance(last, UtteranceFinished | UtteranceAborted | UtteranceFailed)
        return last

    def finished(self, utterance_id: str) -> UtteranceFinished:
        end = self.end(utterance_id)
        assert isinstance(end, UtteranceFinished), end
        return end

    def failed(self, utterance_id: str) -> UtteranceFailed:
        end = self.end(utterance_id)
        assert isinstance(end, UtteranceFailed), end
        return end

    def first_audio_s(self, utterance_id: str) -> float:
        return next(
            at
            for at, event in self.events
            if isinstance(event, AudioReady) and event.utterance_id == utterance_id
        )

    def widths(self, work: str) -> list[int]:
        return [batch.rows for batch in self.executed if batch.kind == work]

    def underruns_s(self, utterance_id: str) -> float:
        """Silence that a listener heard who played from the first audio on."""
        silent_s, dry_at_s = 0.0, None
        for at, event in self.events:
            if not isinstance(event, AudioReady) or event.utterance_id != utterance_id:
                continue
            if dry_at_s is not None:
                silent_s += max(0.0, at - dry_at_s)
            start = at if dry_at_s is None else max(at, dry_at_s)
            dry_at_s = start + len(event.pcm) / self.config.sample_rate_hz
        return silent_s


class _Recorded:
    """Passes everything to the fake and writes it down."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    @property
    def limits(self) -> BackendLimits:
        return self._simulation.backend.limits

    @property
    def info(self) -> BackendInfo:
        return self._simulation.backend.info

    def execute(self, batch: Batch, /) -> Output:
        simulation = self._simulation
        simulation.executed.append(
            Executed(simulation.now_s, type(batch).__name__, len(batch.rows))
        )
        return simulation.backend.execute(batch)

    def reset(self, slots: Sequence[int], /) -> None:
        self._simulation.pretended.under_way.assert_idle(slots)
        self._simulation.backend.reset(slots)

    def close(self) -> None:
        self._simulation.backend.close()


__all__ = ["CONFIG", "SPEECH_COSTS", "Simulation", "limits"]

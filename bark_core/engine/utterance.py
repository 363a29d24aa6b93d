"""The engine's record of one live utterance."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

from bark_core.engine.events import StageReport, StageSeconds, UtteranceReport
from bark_core.engine.hold import Hold
from bark_core.engine.pipeline import Pipeline
from bark_core.engine.request import UtteranceRequest
from bark_core.engine.stream import Stream
from bark_core.engine.work import Work


@dataclass(slots=True)
class WorkDone:
    """Batches of one kind of work that an utterance took part in."""

    first_s: float = math.inf
    last_s: float = -math.inf
    busy_s: float = 0.0
    batches: int = 0

    def __add__(self, other: WorkDone) -> WorkDone:
        """Both together."""
        return WorkDone(
            min(self.first_s, other.first_s),
            max(self.last_s, other.last_s),
            self.busy_s + other.busy_s,
            self.batches + other.batches,
        )


@dataclass(slots=True, eq=False)
class Utterance:
    """Mutable state; identity is the key.

    Attributes:
        request: What was asked for.
        stream: The stream it belongs to.
        arrival_s: Moment of submission.
        slot: Where it runs; None while it waits.
        pipeline: Its stages; None while it waits.
        started_s: When it first got a slot.
        first_audio_s: When its first samples left.
        delivered_samples: Samples that have left. After a restart the same are made again and
            not sent twice.
        made_samples: Samples made since the last (re)start.
        hold: Samples made after those that have left, which are kept back; None: there are none.
        life: Counts its ends and restarts: rows of an earlier life that are still in a batch mean
            nothing to it.
        answers: Rows answered since the last (re)start, by stage.
        alone_until: By stage: it runs in batches of its own there until so many rows have been
            answered. A batch with it failed, and it has to show that it was not to blame.
        underruns: Times its listener had run dry before more of it came.
        progress_at_s: When its last progress event left.
        work: What it took part in so far, restarts included.
        position: In line for a place, as last told; 0: it was never told.
    """

    request: UtteranceRequest
    stream: Stream
    arrival_s: float
    slot: int | None = None
    pipeline: Pipeline | None = None
    started_s: float | None = None
    first_audio_s: float | None = None
    delivered_samples: int = 0
    made_samples: int = 0
    hold: Hold | None = None
    life: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    alone_until: dict[str, int] = field(default_factory=dict)
    underruns: int = 0
    progress_at_s: float = float("-inf")
    work: dict[Work, WorkDone] = field(default_factory=dict)
    position: int = 0

    @property
    def utterance_id(self) -> str:
        """Its name."""
        return self.request.utterance_id

    def alone_at(self, work: Work) -> bool:
        """It may not share a batch of this kind now."""
        return self.answers[work.stage] < self.alone_until.get(work.stage, 0)

    def suspect(self, work: Work, steps: int) -> None:
        """One of so many rows failed with others: it runs alone until it is past them."""
        self.alone_until[work.stage] = self.answers[work.stage] + steps

    def answered(self, work: Work) -> None:
        """A row of it has its answer."""
        self.answers[work.stage] += 1
        if not self.alone_at(work):
            self.alone_until.pop(work.stage, None)

    @property
    def is_head(self) -> bool:
        """The stream's listener waits for this one, not for one before it."""
        return self.stream.head is self

    def restart(self) -> None:
        """Forget what was computed; keep what was delivered."""
        self.pipeline = None
        self.made_samples = 0
        self.hold = None
        self.answers.clear()
        self.life += 1

    def worked(self, work: Work, started_s: float, now_s: float, batches: int) -> None:
        """It had a row in each of so many batches of this kind."""
        done = self.work.get(work)
        if done is None:
            done = self.work[work] = WorkDone(first_s=started_s)
        done.last_s = now_s
        done.busy_s += now_s - started_s
        done.batches += batches

    def report(self, now_s: float) -> UtteranceReport:
        """What making it took until now."""
        progress = None if self.pipeline is None else self.pipeline.progress()
        started_s = now_s if self.started_s is None else self.started_s
        first_s = self.first_audio_s
        return UtteranceReport(
            semantic_tokens=0 if progress is None else progress.semantic_tokens,
            frames=0 if progress is None else progress.fine_frames,
            samples=self.delivered_samples,
            first_audio_s=None if first_s is None else first_s - self.arrival_s,
            total_s=now_s - self.arrival_s,
            queued_s=started_s - self.arrival_s,
            stages=StageSeconds(
                **{f"{work.value}_s": done.busy_s for work, done in self.work.items()}
            ),
            hit_limit=self.pipeline is not None and self.pipeline.semantic.hit_limit,
            underruns=self.underruns,
            submitted_s=self.arrival_s,
            work=self._stage_reports(),
        )

    def _stage_reports(self) -> tuple[StageReport, ...]:
        tokens = {} if self.pipeline is None else self.pipeline.tokens_made()
        stages: dict[str, WorkDone] = {}
        for work in Work:  # in the order of the stages
            if work in self.work:
                stages[work.stage] = stages.get(work.stage, WorkDone()) + self.work[work]
        return tuple(
            StageReport(
                stage=stage,
                first_s=done.first_s - self.arrival_s,
                last_s=done.last_s - self.arrival_s,
                busy_s=done.busy_s,
                batches=done.batches,
                tokens=tokens.get(stage, 0),
            )
            for stage, done in stages.items()
        )

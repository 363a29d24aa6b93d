"""The engine's record of one live utterance."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from bark_core.engine.events import StageSeconds, UtteranceReport
from bark_core.engine.pipeline import Pipeline
from bark_core.engine.request import UtteranceRequest
from bark_core.engine.stream import Stream
from bark_core.engine.work import Work


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
        answers: Rows answered since the last (re)start.
        alone_until: It runs in batches of its own until so many rows have been answered: a batch
            with it failed, and it has to show that it was not to blame.
        underruns: Times its listener had run dry before more of it came.
        progress_at_s: When its last progress event left.
        seconds: Model time it took part in.
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
    answers: int = 0
    alone_until: int = 0
    underruns: int = 0
    progress_at_s: float = float("-inf")
    seconds: defaultdict[Work, float] = field(default_factory=lambda: defaultdict(float))

    @property
    def utterance_id(self) -> str:
        """Its name."""
        return self.request.utterance_id

    @property
    def alone(self) -> bool:
        """It may not share a batch now."""
        return self.answers < self.alone_until

    @property
    def is_head(self) -> bool:
        """The stream's listener waits for this one, not for one before it."""
        return self.stream.head is self

    def restart(self) -> None:
        """Forget what was computed; keep what was delivered."""
        self.pipeline = None
        self.made_samples = 0
        self.answers = 0

    def report(self, now_s: float, sample_count: int) -> UtteranceReport:
        """What making it took."""
        assert self.pipeline is not None
        progress = self.pipeline.progress()
        first, started = self.first_audio_s, self.started_s
        return UtteranceReport(
            semantic_tokens=progress.semantic_tokens,
            frames=progress.total_frames or 0,
            samples=sample_count,
            first_audio_s=None if first is None else first - self.arrival_s,
            total_s=now_s - self.arrival_s,
            queued_s=0.0 if started is None else started - self.arrival_s,
            stages=StageSeconds(**{f"{work.value}_s": self.seconds[work] for work in Work}),
            hit_limit=self.pipeline.semantic.hit_limit,
            underruns=self.underruns,
        )

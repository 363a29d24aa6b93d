"""What the engine counts for its operator: distributions, summed up between two reports.

A batch takes milliseconds, and nobody outside needs to hear of each one. So the loop counts, its
next report carries the sums, and whoever shows them adds those up.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import zip_longest

from bark_core.engine.work import Work

ROW_BOUNDS = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0, 64.0)
"""Utterances in a batch."""

BATCH_BOUNDS_S = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0)
"""Model time of a batch: a step of a small model on a GPU up to a fine pass on two cores."""

LEAD_BOUNDS_S = (0.0, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0)
"""Audio that a listener still had; in the first bucket they had run dry."""

WAIT_BOUNDS_S = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""From submission to a slot."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """How often values fell into the buckets of some bounds.

    Attributes:
        counts: For each bound the values up to it and above the one before, then those above all;
            empty: there was none yet.
        total: Sum of all values.
    """

    counts: tuple[int, ...] = ()
    total: float = 0.0

    @property
    def count(self) -> int:
        """Values in all."""
        return sum(self.counts)

    def __add__(self, other: Distribution) -> Distribution:
        """Both together; of the same bounds."""
        pairs = zip_longest(self.counts, other.counts, fillvalue=0)
        return Distribution(tuple(a + b for a, b in pairs), self.total + other.total)


@dataclass(frozen=True, slots=True)
class WorkTally:
    """Batches of one kind of work.

    Attributes:
        rows: Utterances in each, in buckets of ``ROW_BOUNDS``.
        seconds: Model time of each, in buckets of ``BATCH_BOUNDS_S``.
    """

    rows: Distribution = Distribution()
    seconds: Distribution = Distribution()

    def __add__(self, other: WorkTally) -> WorkTally:
        """Both together."""
        return WorkTally(self.rows + other.rows, self.seconds + other.seconds)


@dataclass(frozen=True, slots=True)
class Tally:
    """What happened in some stretch of time. Plain frozen data.

    Attributes:
        batches: By kind of work; kinds that did not run are missing.
        waits: Seconds that utterances waited for their slot (``WAIT_BOUNDS_S``).
        leads: Audio that listeners still had whenever more of the utterance that they hear came
            (``LEAD_BOUNDS_S``); 0: they had run dry.
    """

    batches: Mapping[Work, WorkTally] = field(default_factory=dict)
    waits: Distribution = Distribution()
    leads: Distribution = Distribution()

    def __add__(self, other: Tally) -> Tally:
        """Both together."""
        batches = dict(self.batches)
        for work, tally in other.batches.items():
            batches[work] = batches.get(work, WorkTally()) + tally
        return Tally(batches, self.waits + other.waits, self.leads + other.leads)


class TallyKeeper:
    """Counts until somebody takes the count. Used from one thread."""

    def __init__(self) -> None:
        self._rows: dict[Work, _Buckets] = {}
        self._seconds: dict[Work, _Buckets] = {}
        self._waits = _Buckets(WAIT_BOUNDS_S)
        self._leads = _Buckets(LEAD_BOUNDS_S)

    def batch(self, work: Work, rows: int, seconds: float) -> None:
        """A batch was answered."""
        if work not in self._rows:
            self._rows[work] = _Buckets(ROW_BOUNDS)
            self._seconds[work] = _Buckets(BATCH_BOUNDS_S)
        self._rows[work].add(rows)
        self._seconds[work].add(seconds)

    def wait(self, seconds: float) -> None:
        """An utterance was given its slot after so long."""
        self._waits.add(seconds)

    def lead(self, seconds: float) -> None:
        """More audio came to a listener who still had so much."""
        self._leads.add(seconds)

    def take(self) -> Tally:
        """What was counted since the last time."""
        batches = {
            work: WorkTally(rows.take(), self._seconds[work].take())
            for work, rows in self._rows.items()
            if rows.touched
        }
        return Tally(batches, self._waits.take(), self._leads.take())


class _Buckets:
    """A distribution that grows."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._clear()

    def _clear(self) -> None:
        self.touched = False
        self._counts = [0] * (len(self._bounds) + 1)
        self._total = 0.0

    def add(self, value: float) -> None:
        self.touched = True
        self._counts[bisect_left(self._bounds, value)] += 1
        self._total += value

    def take(self) -> Distribution:
        if not self.touched:
            return Distribution()
        taken = Distribution(tuple(self._counts), self._total)
        self._clear()
        return taken

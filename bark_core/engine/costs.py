"""What batches of a kind cost by their number of rows, and how full they get."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from bark_core.backends.base import BackendLimits
from bark_core.engine.machine_time import Spent
from bark_core.engine.meter import HALF_LIFE_S
from bark_core.engine.work import Work, widest

_LEAST_S = 1e-9
"""What took less says nothing about how much slower the machine has become."""

TRIED = 4.0
"""Batches of one width that say something together: a row's first step also moves into its cache
what was prefilled, and may take twice as long."""


@dataclass(slots=True)
class _Memory:
    """How many observations are remembered, forgetting."""

    count: float = 0.0
    at_s: float = 0.0

    def weight(self, at_s: float) -> float:
        """One more at this moment: its weight in the mean."""
        self.count = 1.0 + self.count * math.pow(0.5, (at_s - self.at_s) / HALF_LIFE_S)
        self.at_s = at_s
        return 1.0 / self.count


class BatchCosts:
    """Forgetting means of what batches took, for each kind and number of rows.

    A batch of B rows costs more than one of a single row and less than B of them. Nothing is
    assumed about the shape in between: what was measured is joined by straight lines. What was not
    is estimated on the dear side: a narrower batch costs no less than the narrowest measured, a
    wider one as much more than the widest as it has more rows.

    Means are over batches, and what is forgotten is forgotten by time: of a kind that takes a
    millisecond thousands are remembered, so one which the operating system interrupted says little.
    """

    def __init__(self) -> None:
        self._seconds: dict[Work, dict[int, float]] = {}
        self._at_s = 0.0  # all batches together
        self._of_kind: dict[Work, _Memory] = {}
        self._of_width: dict[tuple[Work, int], _Memory] = {}

    def add(self, work: Work, rows: int, seconds: float) -> None:
        """A batch of so many rows took so long.

        A machine that has become slower has become so for every number of rows: those that were
        not seen lately change in proportion.
        """
        self._at_s += seconds
        weight = self._of_kind.setdefault(work, _Memory()).weight(self._at_s)
        own_weight = self._of_width.setdefault((work, rows), _Memory()).weight(self._at_s)
        known = self._seconds.setdefault(work, {})
        before = known.setdefault(rows, seconds)
        if before > _LEAST_S:
            change = 1 + weight * (seconds / before - 1)
            for width in known:
                known[width] *= change
        known[rows] = before + own_weight * (seconds - before)

    def batch_s(self, work: Work, rows: float) -> float:
        """What a batch of so many rows (on average) takes; 0 where there was none of the kind."""
        known = sorted(self._seconds.get(work, {}).items())
        if not known:
            return 0.0
        below = (known[0][0], known[0][1])
        for width, seconds in known:
            if rows <= width:
                if width == below[0]:
                    return seconds
                share = (rows - below[0]) / (width - below[0])
                return below[1] + max(0.0, share) * (seconds - below[1])
            below = (width, seconds)
        return below[1] * rows / below[0]

    def saving(self, work: Work, rows: int) -> float:
        """Of what a row costs alone, the part that it saves in a batch of so many; 0 to 1.

        1 as long as none of several rows was measured a few times: it has to be tried.
        """
        alone_s = self.batch_s(work, 1)
        tried = [
            width
            for (kind, width), memory in self._of_width.items()
            if kind is work and width > 1 and memory.count >= TRIED
        ]
        if rows == 1 or alone_s <= 0 or not tried:
            return 1.0
        # What a row more has cost in the widest such batch that is no wider, or else the next one.
        width = max((width for width in tried if width <= rows), default=min(tried))
        another_s = (self.batch_s(work, width) - alone_s) / (width - 1)
        return min(max(1.0 - another_s / alone_s, 0.0), 1.0)


class Sharing:
    """How many of those who could share a batch do, weighted by the time that batches take."""

    def __init__(self, limits: BackendLimits) -> None:
        self._limits = limits
        self._shared_s = 0.0
        self._possible_s = 0.0

    def add(self, work: Work, rows: int, fed: int, seconds: float) -> None:
        """A batch ran while ``fed`` listeners wanted to be fed."""
        possible = min(fed, widest(work, self._limits)) - 1
        if possible < 1:
            return
        keep = 0.5 ** (seconds / HALF_LIFE_S)
        self._shared_s = self._shared_s * keep + seconds * min(rows - 1, possible)
        self._possible_s = self._possible_s * keep + seconds * possible

    @property
    def share(self) -> float:
        """0: every batch has one row; 1: all that it could. 0 before two were ever fed at once."""
        return self._shared_s / self._possible_s if self._possible_s > 0 else 0.0

    def rows(self, work: Work, fed: int) -> float:
        """Rows of a batch, on average, while so many are fed."""
        return 1 + self.share * (min(fed, widest(work, self._limits)) - 1)


class MeasuredCosts:
    """Both together: what feeding several listeners at once takes.

    Args:
        limits: Of the back end.

    Attributes:
        shares: What batches take of the machine's time, which others run beside them share.
        durations: How long they last.
        bare: How long of that the back end took.
        sharing: How full they get.
    """

    def __init__(self, limits: BackendLimits) -> None:
        self.shares = BatchCosts()
        self.durations = BatchCosts()
        self.bare = BatchCosts()
        self.sharing = Sharing(limits)

    def add(self, work: Work, rows: int, fed: int, spent: Spent) -> None:
        """A batch of so many rows ran while ``fed`` listeners wanted to be fed."""
        self.shares.add(work, rows, spent.share_s)
        self.durations.add(work, rows, spent.elapsed_s)
        self.bare.add(work, rows, spent.ran_s or spent.busy_s)
        self.sharing.add(work, rows, fed, spent.share_s)

    def waits_s(self, work: Work, fed: int) -> float:
        """How long one of ``fed`` listeners waits for a batch of a kind.

        Until the others have had theirs as well, and at least as long as it lasts.
        """
        rows = self.sharing.rows(work, fed)
        lasts_s = self.durations.batch_s(work, rows)
        return max(lasts_s, fed * self.shares.batch_s(work, rows) / rows)

    def alone_s(self, rows: Mapping[Work, int], fed: int) -> float:
        """How long the batches last that one listener's rows are in, while so many are fed."""
        return sum(
            count * self.durations.batch_s(work, self.sharing.rows(work, fed))
            for work, count in rows.items()
        )

    def share_s(self, rows: Mapping[Work, int], fed: int) -> float:
        """The same rows' part of those batches' shares: ``fed`` times it feeds all."""
        return sum(
            count * self.shares.batch_s(work, width) / width
            for work, count in rows.items()
            if (width := self.sharing.rows(work, fed))
        )

"""What batches of a kind cost by their number of rows, and how full they get."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from bark_core.backends.base import BackendLimits
from bark_core.engine.machine_time import Spent
from bark_core.engine.meter import HALF_LIFE_S, NEWEST_WEIGHT
from bark_core.engine.work import Work, widest


class BatchCosts:
    """Forgetting means of what batches took, for each kind and number of rows.

    A batch of B rows costs more than one of a single row and less than B of them. Nothing is
    assumed about the shape in between: what was measured is joined by straight lines. What was not
    is estimated on the dear side: a narrower batch costs no less than the narrowest measured, a
    wider one as much more than the widest as it has more rows.
    """

    def __init__(self) -> None:
        self._seconds: dict[Work, dict[int, float]] = {}
        self._counts: Counter[tuple[Work, int]] = Counter()

    def add(self, work: Work, rows: int, seconds: float) -> None:
        """A batch of so many rows took so long.

        A machine that has become slower has become so for every number of rows: those that were
        not seen lately change in proportion.
        """
        known = self._seconds.setdefault(work, {})
        before = known.setdefault(rows, seconds)
        # The first ones count alike: one of them alone may have been anything.
        self._counts[work, rows] += 1
        weight = max(NEWEST_WEIGHT, 1 / self._counts[work, rows])
        if before <= 0:
            known[rows] = weight * seconds
            return
        change = 1 + weight * (seconds / before - 1)
        for width in known:
            known[width] *= change

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
        sharing: How full they get.
    """

    def __init__(self, limits: BackendLimits) -> None:
        self.shares = BatchCosts()
        self.durations = BatchCosts()
        self.sharing = Sharing(limits)

    def add(self, work: Work, rows: int, fed: int, spent: Spent) -> None:
        """A batch of so many rows ran while ``fed`` listeners wanted to be fed."""
        self.shares.add(work, rows, spent.share_s)
        self.durations.add(work, rows, spent.elapsed_s)
        self.sharing.add(work, rows, fed, spent.share_s)

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

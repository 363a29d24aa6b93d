"""How long work of uneven size takes, and how much of it is done in passing."""

from __future__ import annotations

from dataclasses import dataclass

from bark_core.backends.base import Batch, CoarsePrefillRow, CodecRow, FineRow
from bark_core.engine.cost_curve import CostCurve
from bark_core.engine.meter import HALF_LIFE_S
from bark_core.engine.work import Work

_LEAST_S = 1e-9


def positions(batch: Batch) -> float:
    """Mean size of a batch's rows: positions, columns or frames; 1 where it does not vary."""
    sizes = [
        row.ids.size if isinstance(row, CoarsePrefillRow) else row.codes.shape[1]
        for row in batch.rows
        if isinstance(row, CoarsePrefillRow | FineRow | CodecRow)
    ]
    return sum(sizes) / len(sizes) if sizes else 1.0


@dataclass(frozen=True, slots=True)
class Demand:
    """Utterances that took part in a batch, or that could have run something instead.

    Attributes:
        fed: Those that somebody waits for.
        ahead: Those made ahead of their turn.
    """

    fed: int = 0
    ahead: int = 0


class _Share:
    """Of what could have been, how much was; forgetting."""

    def __init__(self) -> None:
        self._was_s = 0.0
        self._could_s = 0.0

    def add(self, busy_s: float, was: float, could: float) -> None:
        keep = 0.5 ** (busy_s / HALF_LIFE_S)
        self._was_s = self._was_s * keep + busy_s * min(was, could)
        self._could_s = self._could_s * keep + busy_s * could

    def or_else(self, usual: float) -> float:
        return self._was_s / self._could_s if self._could_s > _LEAST_S else usual


class PaceMeter:
    """How a batch's cost goes with the size of its rows, and how much is made in passing."""

    def __init__(self) -> None:
        self._costs = {work: CostCurve() for work in Work}
        self._ahead = _Share()

    def add(self, work: Work, size: float, busy_s: float, *, rows: Demand, wanted: Demand) -> None:
        """A batch of ``rows`` of mean size ``size`` ran; ``wanted`` could have run something."""
        self._costs[work].add(size, busy_s)
        if rows.fed and wanted.ahead:
            self._ahead.add(busy_s, rows.ahead / rows.fed, 1.0)

    def batch_s(self, work: Work, size: float) -> float:
        """What a batch of this kind and size takes; 0 where there was none yet."""
        return self._costs[work].cost_s(size)

    @property
    def left_over(self) -> float:
        """Of the work of later utterances, what is left when their turn comes; 0.5 to 1.

        The rest was done in passing, in batches of the utterances before them.
        """
        return 1.0 / (1.0 + self._ahead.or_else(0.0))

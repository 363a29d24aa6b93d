"""How long work of uneven size takes, and how much of it is done in passing."""

from __future__ import annotations

from dataclasses import dataclass

from bark_core.backends.base import Batch, CoarsePrefillRow, CodecRow, FineRow
from bark_core.engine.cost_curve import CostCurve
from bark_core.engine.meter import HALF_LIFE_S
from bark_core.engine.work import STEPS, Work

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


class _Mean:
    """Weighted by how long it was so; forgetting."""

    def __init__(self) -> None:
        self._sum_s = 0.0
        self._seconds = 0.0

    def add(self, busy_s: float, value: float) -> None:
        keep = 0.5 ** (busy_s / HALF_LIFE_S)
        self._sum_s = self._sum_s * keep + busy_s * value
        self._seconds = self._seconds * keep + busy_s

    @property
    def value(self) -> float:
        return self._sum_s / self._seconds if self._seconds > _LEAST_S else 0.0


class PaceMeter:
    """How a batch's cost goes with the size of its rows, and how much is made in passing."""

    def __init__(self) -> None:
        self._costs = {work: CostCurve() for work in Work}
        self._ahead = _Mean()
        self._beside_steps = _Mean()

    def add(self, work: Work, size: float, busy_s: float, *, rows: Demand, wanted: Demand) -> None:
        """A batch of ``rows`` of mean size ``size`` ran; ``wanted`` could have run something."""
        self._costs[work].add(size, busy_s)
        if rows.fed and wanted.ahead:
            self._ahead.add(busy_s, rows.ahead / rows.fed)
            if work in STEPS:
                self._beside_steps.add(busy_s, rows.ahead / rows.fed)

    def batch_s(self, work: Work, size: float) -> float:
        """What a batch of this kind and size takes; 0 where there was none yet."""
        return self._costs[work].cost_s(size)

    @property
    def left_over(self) -> float:
        """Of the work of later utterances, what is left when their turn comes; 0 to 1.

        The rest was done in passing, in batches of the utterances before them.
        """
        return 1.0 / (1.0 + self._ahead.value)

    @property
    def riders(self) -> float:
        """Rows made ahead in a batch of steps, for each that somebody waits for."""
        return self._beside_steps.value

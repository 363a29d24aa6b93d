"""What a batch costs, by the size of its rows: a line through what was measured lately."""

from __future__ import annotations

from bark_core.engine.meter import NEWEST_WEIGHT

LEAST_SPREAD = 0.05
"""Of sizes, as a part of their mean: below it nothing is known of how the cost grows."""


class CostCurve:
    """Forgetting least squares of cost over size.

    The slope is kept between 0 (no batch is cheaper for being bigger) and proportional (no cost
    grows faster than the size). Where all sizes were alike the dearer of the two is assumed.
    """

    def __init__(self) -> None:
        self._count = 0
        self._size = 0.0
        self._cost_s = 0.0
        self._variance = 0.0
        self._covariance_s = 0.0

    def add(self, size: float, cost_s: float) -> None:
        """A batch whose rows were of mean size ``size`` took ``cost_s``."""
        self._count += 1
        weight = max(NEWEST_WEIGHT, 1 / self._count)
        off_size, off_cost_s = size - self._size, cost_s - self._cost_s
        self._size += weight * off_size
        self._cost_s += weight * off_cost_s
        keep = 1 - weight
        self._variance = keep * (self._variance + weight * off_size * off_size)
        self._covariance_s = keep * (self._covariance_s + weight * off_size * off_cost_s)

    def cost_s(self, size: float) -> float:
        """What a batch of this size takes; 0 where nothing was measured yet."""
        if not self._count:
            return 0.0
        steepest = self._cost_s / self._size
        if self._variance > (LEAST_SPREAD * self._size) ** 2:
            slope = min(max(self._covariance_s / self._variance, 0.0), steepest)
        else:
            slope = steepest if size > self._size else 0.0
        return self._cost_s + slope * (size - self._size)

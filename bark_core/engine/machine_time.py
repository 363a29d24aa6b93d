"""Whose the machine's time is while batches run side by side."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spent:
    """What a batch took.

    Attributes:
        began_s: The moment it began.
        busy_s: From then to its end.
        elapsed_s: The same and the gap before it, in which nothing ran though there was work.
        share_s: Its part of the machine's time: of an instant in which n batches ran, an n-th.
            The shares of all batches add up to the time that was not idle.
        ran_s: What the back end took of ``busy_s``; the rest is hand-over.
    """

    began_s: float
    busy_s: float
    elapsed_s: float
    share_s: float
    ran_s: float = 0.0

    def of_one(self, batches: int) -> Spent:
        """The mean of so many that ran one after another."""
        return Spent(
            self.began_s,
            self.busy_s / batches,
            self.elapsed_s / batches,
            self.share_s / batches,
            self.ran_s / batches,
        )


@dataclass(slots=True)
class _Account:
    began_s: float
    gap_s: float
    share_s: float


class MachineTime:
    """Divides time among the batches that run, whatever stands for them.

    What happens between two batches, with none beside them, belongs to the cost of the second.
    """

    def __init__(self) -> None:
        self._running: dict[Hashable, _Account] = {}
        self._at_s: float | None = None  # divided until then; None: idle
        self._gap_s = 0.0

    @property
    def busy_since_s(self) -> float:
        """When the oldest batch that runs began; inf: none runs."""
        return min((account.began_s for account in self._running.values()), default=math.inf)

    def begin(self, batch: Hashable, now_s: float) -> None:
        """A batch begins."""
        self._divide(now_s)
        self._running[batch] = _Account(now_s, self._gap_s, self._gap_s)
        self._gap_s = 0.0

    def end(self, batch: Hashable, now_s: float, ran_s: float = 0.0) -> Spent:
        """It has ended; in the back end it took ``ran_s``."""
        self._divide(now_s)
        account = self._running.pop(batch)
        busy_s = now_s - account.began_s
        return Spent(account.began_s, busy_s, account.gap_s + busy_s, account.share_s, ran_s)

    def rest(self) -> None:
        """There is nothing to begin: unless a batch runs, time is nobody's from here on."""
        if not self._running:
            self._at_s, self._gap_s = None, 0.0

    def _divide(self, now_s: float) -> None:
        passed_s = 0.0 if self._at_s is None else max(0.0, now_s - self._at_s)
        for account in self._running.values():
            account.share_s += passed_s / len(self._running)
        if not self._running:
            self._gap_s += passed_s
        self._at_s = now_s

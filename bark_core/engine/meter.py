"""What batches have taken lately."""

from __future__ import annotations

from collections.abc import Mapping

from bark_core.engine.machine_time import Spent
from bark_core.engine.work import Work

HALF_LIFE_S = 10.0
"""Of machine time: after so many busy seconds an observation counts half."""

SLOW = 0.75
"""Seconds of machine time for a second of audio: above, a text is not made in time by one
utterance after another, or hardly so."""

_TELLING_S = 2.0
"""Audio before which a machine is not called slow: the first of it waits for all that comes
before audio."""

NEWEST_WEIGHT = 0.1
"""Of the latest batch in the mean cost of its kind."""


class LoadMeter:
    """Exponentially forgetting sums of machine time and of audio, and the mean batch of each kind.

    Batches are as long as they last, whatever runs beside them: deadlines are about that.
    """

    def __init__(self) -> None:
        self._busy_s = 0.0
        self._audio_s = 0.0
        self._batch_s: dict[Work, float] = {}

    def add(self, work: Work, spent: Spent, audio_s: float, *, batches: int = 1) -> None:
        """So many batches, one after another, made ``audio_s`` of audio."""
        each_s = spent.busy_s / batches
        mean_s = self._batch_s.get(work, each_s)
        self._batch_s[work] = mean_s + NEWEST_WEIGHT * (each_s - mean_s)
        keep = 0.5 ** (spent.share_s / HALF_LIFE_S)
        self._busy_s = self._busy_s * keep + spent.share_s
        self._audio_s = self._audio_s * keep + audio_s

    def batch_s(self, work: Work) -> float:
        """What one batch of this kind takes; 0 where there was none yet."""
        return self._batch_s.get(work, 0.0)

    def total_s(self, batches: Mapping[Work, int]) -> float:
        """What these batches take."""
        return sum(count * self.batch_s(work) for work, count in batches.items())

    @property
    def realtime_factor(self) -> float | None:
        """Seconds of machine time per second of audio; None before any audio."""
        return self._busy_s / self._audio_s if self._audio_s > 0 else None

    @property
    def is_slow(self) -> bool:
        """Whether the machine has lately been hardly faster than a listener, or slower."""
        return self._audio_s >= _TELLING_S and self._busy_s > SLOW * self._audio_s

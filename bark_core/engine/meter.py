"""What batches have cost lately."""

from __future__ import annotations

from collections.abc import Mapping

from bark_core.engine.work import Work

HALF_LIFE_S = 10.0
"""Of model time: after so many busy seconds an observation counts half."""

NEWEST_WEIGHT = 0.1
"""Of the latest batch in the mean cost of its kind."""


class LoadMeter:
    """Exponentially forgetting sums of model time and of audio, and the mean batch of each kind."""

    def __init__(self) -> None:
        self._busy_s = 0.0
        self._audio_s = 0.0
        self._batch_s: dict[Work, float] = {}

    def add(self, work: Work, busy_s: float, audio_s: float) -> None:
        """A batch took ``busy_s`` and made ``audio_s`` of audio."""
        mean_s = self._batch_s.get(work, busy_s)
        self._batch_s[work] = mean_s + NEWEST_WEIGHT * (busy_s - mean_s)
        keep = 0.5 ** (busy_s / HALF_LIFE_S)
        self._busy_s = self._busy_s * keep + busy_s
        self._audio_s = self._audio_s * keep + audio_s

    def batch_s(self, work: Work) -> float:
        """What one batch of this kind takes; 0 where there was none yet."""
        return self._batch_s.get(work, 0.0)

    def total_s(self, batches: Mapping[Work, int]) -> float:
        """What these batches take."""
        return sum(count * self.batch_s(work) for work, count in batches.items())

    @property
    def realtime_factor(self) -> float | None:
        """Seconds of model time per second of audio; None before any audio."""
        return self._busy_s / self._audio_s if self._audio_s > 0 else None

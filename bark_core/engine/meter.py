"""How much model time a second of audio has cost lately."""

from __future__ import annotations

HALF_LIFE_S = 10.0
"""Of model time: after so many busy seconds an observation counts half."""


class LoadMeter:
    """Exponentially forgetting sums of model time and of audio."""

    def __init__(self) -> None:
        self._busy_s = 0.0
        self._audio_s = 0.0

    def add(self, busy_s: float, audio_s: float) -> None:
        """A batch took ``busy_s`` and made ``audio_s`` of audio."""
        keep = 0.5 ** (busy_s / HALF_LIFE_S)
        self._busy_s = self._busy_s * keep + busy_s
        self._audio_s = self._audio_s * keep + audio_s

    @property
    def realtime_factor(self) -> float | None:
        """Seconds of model time per second of audio; None before any audio."""
        return self._busy_s / self._audio_s if self._audio_s > 0 else None

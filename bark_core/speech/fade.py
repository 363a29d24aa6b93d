"""Fades at both ends of an utterance, so that neither joints nor pauses click."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


class EdgeFade:
    """Fades a stream in at its start and out at its end, whatever the cuts between.

    Holds back the last ``fade_samples`` samples, since only the end tells which they are.

    Args:
        fade_samples: Length of each raised-cosine ramp; 0 passes the audio through.
    """

    def __init__(self, fade_samples: int) -> None:
        phase = (np.arange(fade_samples) + 0.5) / max(fade_samples, 1)
        self._rise = (0.5 - 0.5 * np.cos(np.pi * phase)).astype(np.float32)  # [fade_samples]
        self._held = np.zeros(0, dtype=np.float32)
        self._taken_samples = 0

    def feed(self, pcm: FloatArray) -> FloatArray:
        """The samples that are ready after ``pcm``. [N] -> [M], M >= 0."""
        faded = pcm
        if self._taken_samples < self._rise.size and pcm.size:
            rise = self._rise[self._taken_samples : self._taken_samples + pcm.size]
            faded = pcm.astype(np.float32, copy=True)
            faded[: rise.size] *= rise
        self._taken_samples += pcm.size
        joined = np.concatenate((self._held, faded))
        ready_samples = max(joined.size - self._rise.size, 0)
        self._held = joined[ready_samples:]
        return joined[:ready_samples]

    def finish(self) -> FloatArray:
        """The rest, faded out. [M]."""
        rest = self._held
        if rest.size:
            rest = rest * self._rise[::-1][self._rise.size - rest.size :]
        self._held = np.zeros(0, dtype=np.float32)
        return rest

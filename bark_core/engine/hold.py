"""Audio kept back, so that a listener who starts with the first of it does not run dry."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from bark_core.backends.base import FloatArray


@dataclass(slots=True, eq=False)
class Hold:
    """Samples that were made and have not left.

    Attributes:
        until_s: When they leave, whatever comes.
        last_s: Latest moment that this may ever be.
        samples: How many.
    """

    until_s: float
    last_s: float
    samples: int = 0
    _pieces: list[FloatArray] = field(default_factory=list)

    def add(self, pcm: FloatArray) -> None:
        """Keep [N] samples that follow those kept."""
        self._pieces.append(pcm.copy())
        self.samples += pcm.size

    def take(self) -> FloatArray:
        """All of them, [samples]."""
        return np.concatenate(self._pieces)

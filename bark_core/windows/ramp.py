"""Boundaries of pieces whose lengths grow and then stay."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Ramp:
    """Piece ``i`` is ``lengths[i]`` long; the last length repeats for ever."""

    lengths: tuple[int, ...]
    _starts: tuple[int, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Sum up once: boundaries are asked for at every step."""
        object.__setattr__(self, "_starts", (0, *itertools.accumulate(self.lengths)))

    def start(self, index: int) -> int:
        """First unit of piece ``index``, which is also the end of the piece before it."""
        known = len(self.lengths)
        if index <= known:
            return self._starts[index]
        return self._starts[known] + (index - known) * self.lengths[-1]

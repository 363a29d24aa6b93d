"""History prompts: what Bark continues from, and so what it sounds like."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Voice:
    """A history prompt; also a finished generation.

    Attributes:
        semantic: int64 [S] semantic tokens.
        coarse: int64 [n_coarse, T] codes of the coarse codebooks.
        fine: int64 [K, T] codes of all codebooks. Of a generation and in published prompts T is
            that of ``coarse``; a prompt may have another one, as in the reference.
    """

    semantic: IntArray
    coarse: IntArray
    fine: IntArray

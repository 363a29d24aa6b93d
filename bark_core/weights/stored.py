"""Tensors as files keep them, and as models get them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
StateDict = dict[str, FloatArray]
"""The tensors of a stage by canonical name, as models get them."""

BFLOAT16 = "BF16"
"""The one type of Bark's files that numpy has not."""


@dataclass(frozen=True, slots=True, eq=False)
class StoredTensor:
    """A tensor in a file, mapped into memory where the file allows it.

    Attributes:
        array: Its numbers; those of bfloat16 as the uint16 with the same bits.
        type: "F32", "F16", "BF16", "I8" ...: the names that safetensors has for types.
    """

    array: NDArray[Any]
    type: str


StoredTensors = dict[str, StoredTensor]

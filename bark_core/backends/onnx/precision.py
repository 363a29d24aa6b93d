"""How the weights of a graph are kept, and what that means for rows that run together."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from bark_core.errors import ConfigError

_LEAST_BLOCK = 32
_WIDE = 512
_ALWAYS_EQUAL = {8: 64, 4: 32}


def block_size(inputs: int, bits: int, width: int) -> int:
    """Weights that share a scale: a power of two that divides their number, if one does.

    Large blocks are faster, because a block's sum of integers is scaled once: with 256 instead of
    32 a product takes 0.65 of the time for 8 bits, and 0.45 for 4 bits (a processor with VNNI, one
    thread). But the kernels take such rows in pairs, which ``rows.measure`` finds out, and all else
    that a row costs twice is more than that in a model that is small. Up to 64 for 8 bits, and 32
    for 4 bits, a row is bit-equal wherever it is.

    Args:
        inputs: Of the product.
        bits: Of a weight.
        width: Of the model.
    """
    size = 256 if width >= _WIDE else _ALWAYS_EQUAL[bits]
    while size > _LEAST_BLOCK and inputs % size:
        size //= 2
    return size


class LinearKind(Enum):
    """Storage of a weight matrix and arithmetic of its product."""

    FLOAT32 = "float32"
    # Weights int8 by output channel; activations uint8 with one scale for the *whole* tensor. The
    # fastest on many rows, and only for rows of one utterance: a scale depends on all of them.
    DYNAMIC_INT8 = "dynamic-int8"
    # Weights of n bits in blocks along the input; activations int8 in the same blocks, so no row
    # knows of another.
    BLOCKS_8 = "blocks-8"
    BLOCKS_4 = "blocks-4"


@dataclass(frozen=True, slots=True)
class Precision:
    """Which arithmetic for which graphs.

    Attributes:
        name: As ``BackendSpec.dtype`` says it.
        windows: Prefills and fine passes: many positions of one utterance.
        steps: One position of each of several utterances.
        int8_cache: Keys and values are kept as int8 with a scale for each channel: a step reads a
            quarter of the memory, which is most of what it does at the end of a long context.
    """

    name: str
    windows: LinearKind
    steps: LinearKind
    int8_cache: bool

    @property
    def one_causal_graph(self) -> bool:
        """Prefills and steps share a graph, because both keep everything in the same way."""
        return self.windows == self.steps and not self.int8_cache


PRECISIONS = {
    precision.name: precision
    for precision in (
        Precision("int8", LinearKind.DYNAMIC_INT8, LinearKind.BLOCKS_8, int8_cache=True),
        Precision("int4", LinearKind.DYNAMIC_INT8, LinearKind.BLOCKS_4, int8_cache=True),
        Precision("float32", LinearKind.FLOAT32, LinearKind.FLOAT32, int8_cache=False),
    )
}
DEFAULT = "int8"


def precision_of(dtype: str) -> Precision:
    """The precision that a ``BackendSpec.dtype`` asks for.

    Raises:
        ConfigError: There is no such precision.
    """
    name = DEFAULT if dtype == "auto" else dtype
    if name not in PRECISIONS:
        raise ConfigError(
            f"the onnx back end has no dtype {dtype!r}; choose one of: "
            f"auto, {', '.join(PRECISIONS)}"
        )
    return PRECISIONS[name]

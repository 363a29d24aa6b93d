"""How the weights of a graph are kept, and what that means for rows that run together."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from bark_core.errors import ConfigError

BLOCK_SIZE = 32  # the only block size whose rows are bit-equal in every batch (measured)


class LinearKind(Enum):
    """Storage of a weight matrix and arithmetic of its product."""

    FLOAT32 = "float32"
    # Weights int8 by output channel; activations uint8 with one scale for the *whole* tensor. The
    # fastest on many rows, and only for rows of one utterance: a scale depends on all of them.
    DYNAMIC_INT8 = "dynamic-int8"
    # Weights of n bits in blocks of 32 along the input; activations int8 in the same blocks, so
    # no row knows of another.
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

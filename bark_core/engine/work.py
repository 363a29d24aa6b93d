"""Kinds of work, and batches of them."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import assert_never

from bark_core.backends.base import (
    AudioOutput,
    BackendLimits,
    Batch,
    CoarsePrefill,
    CoarsePrefillRow,
    CoarseStep,
    CoarseStepRow,
    CodecDecode,
    CodecRow,
    FineOutput,
    FinePass,
    FineRow,
    FloatArray,
    IntArray,
    Output,
    SemanticPrefill,
    SemanticPrefillRow,
    SemanticStep,
    SemanticStepRow,
    TokenOutput,
)

Row = SemanticPrefillRow | SemanticStepRow | CoarsePrefillRow | CoarseStepRow | FineRow | CodecRow
Answer = int | IntArray | FloatArray | None
"""What one row comes back with: a token (None: the semantic end), codes, samples."""


class Work(Enum):
    """One kind of batch.

    Attributes:
        stage: The one that it belongs to: semantic, coarse, fine or codec.
    """

    SEMANTIC_PREFILL = "semantic_prefill"
    SEMANTIC_STEP = "semantic"
    COARSE_PREFILL = "coarse_prefill"
    COARSE_STEP = "coarse"
    FINE = "fine"
    CODEC = "codec"

    __hash__ = object.__hash__  # members are singletons; Enum's own hashes their names each time

    def __init__(self, value: str) -> None:
        self.stage = value.removesuffix("_prefill")


def track(work: Work, limits: BackendLimits) -> str:
    """What only one batch at a time may be on: its stage, or its half of it."""
    return work.value if limits.prefills_beside_steps else work.stage


STEPS = frozenset({Work.SEMANTIC_STEP, Work.COARSE_STEP})
"""Work that is short, and by far the most frequent."""

EVEN = STEPS | {Work.SEMANTIC_PREFILL}
"""Work whose rows are all of one size."""

REPEATABLE = frozenset({Work.SEMANTIC_PREFILL, Work.COARSE_PREFILL, Work.FINE})
"""Work that sets its slot's state from scratch or has none: after a failure it may be repeated."""


def batch_of(work: Work, rows: Sequence[Row]) -> Batch:
    """The batch of these rows, all of the kind ``work``."""
    made = tuple(rows)
    match work:
        case Work.SEMANTIC_PREFILL:
            return SemanticPrefill(made)  # type: ignore[arg-type]
        case Work.SEMANTIC_STEP:
            return SemanticStep(made)  # type: ignore[arg-type]
        case Work.COARSE_PREFILL:
            return CoarsePrefill(made)  # type: ignore[arg-type]
        case Work.COARSE_STEP:
            return CoarseStep(made)  # type: ignore[arg-type]
        case Work.FINE:
            return FinePass(made)  # type: ignore[arg-type]
        case Work.CODEC:
            return CodecDecode(made)  # type: ignore[arg-type]
        case _:
            assert_never(work)


def widest(work: Work, limits: BackendLimits) -> int:
    """Rows that a batch of this kind may have."""
    match work:
        case Work.SEMANTIC_PREFILL | Work.COARSE_PREFILL:
            return limits.max_prefill_rows
        case Work.SEMANTIC_STEP | Work.COARSE_STEP:
            return limits.max_step_rows
        case Work.FINE:
            return limits.max_fine_rows
        case Work.CODEC:
            return limits.max_codec_rows
        case _:
            assert_never(work)


def answers_of(output: Output) -> tuple[Answer, ...]:
    """The answer to every row."""
    match output:
        case TokenOutput():
            return output.tokens
        case FineOutput():
            return output.codes
        case AudioOutput():
            return output.pcm
        case _:
            assert_never(output)

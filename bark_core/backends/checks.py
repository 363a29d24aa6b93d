"""Checks that every back end makes: of what it is given, and of what its model made."""

from __future__ import annotations

from typing import assert_never

import numpy as np

from bark_core.backends.base import (
    BackendLimits,
    Batch,
    CoarsePrefill,
    CoarseStep,
    CodecDecode,
    FinePass,
    FloatArray,
    SemanticPrefill,
    SemanticStep,
)
from bark_core.errors import EngineFailureError


def assert_allowed(batch: Batch, limits: BackendLimits) -> None:
    """Assert that a batch keeps the limits: bugs of the caller show here, not as wrong audio."""
    match batch:
        case SemanticPrefill() | CoarsePrefill():
            widest = limits.max_prefill_rows
        case SemanticStep() | CoarseStep():
            widest = limits.max_step_rows
        case FinePass():
            widest = limits.max_fine_rows
        case CodecDecode():
            widest = limits.max_codec_rows
        case _:
            assert_never(batch)
    assert 1 <= len(batch.rows) <= widest, f"{len(batch.rows)} rows, {widest} allowed"
    if not isinstance(batch, FinePass):
        slots = [row.slot for row in batch.rows]
        assert len(set(slots)) == len(slots), f"a slot twice in one batch: {slots}"
        assert all(0 <= slot < limits.slots for slot in slots), f"{slots} of {limits.slots} slots"


def require_finite(values: FloatArray, stage: str) -> FloatArray:
    """The same values.

    Raises:
        EngineFailureError: One of them is infinite or not a number.
    """
    if not np.isfinite(values).all():
        raise EngineFailureError(
            f"the {stage} model produced values that are not finite: the checkpoint is damaged, or "
            "this precision is too coarse for it (try dtype float32)"
        )
    return values

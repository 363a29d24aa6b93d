"""A guard against values that are not numbers."""

from __future__ import annotations

import numpy as np

from bark_core.backends.base import FloatArray
from bark_core.errors import EngineFailureError


def check_finite(values: FloatArray, stage: str) -> None:
    """Raise EngineFailureError where a model's result is not finite."""
    if not np.isfinite(values).all():
        raise EngineFailureError(
            f"the {stage} model produced values that are not finite: the checkpoint is damaged"
        )

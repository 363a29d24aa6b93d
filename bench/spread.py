"""How unequal a handful of numbers is: percentiles and Jain's index."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def percentile(values: Sequence[float], percent: float) -> float | None:
    """The smallest of the values that so many per cent of them do not exceed; None: no values."""
    if not values:
        return None
    return float(np.percentile(values, percent, method="inverted_cdf"))


def jain_index(values: Sequence[float]) -> float | None:
    """Jain's fairness index: 1 if all have the same, 1/n if one has it all; None: no values."""
    total_of_squares = sum(value * value for value in values)
    if not values:
        return None
    if total_of_squares == 0:
        return 1.0
    return sum(values) ** 2 / (len(values) * total_of_squares)

"""How rows of strangers may share a pass through a model without changing each other's bits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class RowRule:
    """Found out at start-up, because kernels differ from one processor to the next.

    Attributes:
        most: Rows in one pass.
        least: Narrower passes are widened to so many rows; what the others yield is dropped.
    """

    most: int
    least: int


def measure(first_rows: Callable[[int], NDArray[np.float32]], most: int) -> RowRule:
    """The widest rule under which a row's bits depend on nothing but the row.

    Which numbers are multiplied does not matter to a kernel, the shape does: so every width is
    tried once. A row alone often takes a kernel of its own, and other bits.

    Args:
        first_rows: Runs the first n of ``most`` fixed rows in one pass. -> [n, ...]
        most: Widest pass wanted, 2 or more.
    """
    together = first_rows(most).copy()
    agree = [np.array_equal(first_rows(count), together[:count]) for count in range(most, 0, -1)][
        ::-1
    ]
    if all(agree):
        return RowRule(most=most, least=1)
    if all(agree[1:]):
        return RowRule(most=most, least=2)
    return RowRule(most=1, least=1)

"""What is concluded from how a machine's kernels treat rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from bark_core.backends.rows import RowRule, measure

ROWS = np.arange(12, dtype=np.float32).reshape(6, 2)


def rows_but_wrong_at(*widths: int) -> Callable[[int], NDArray[np.float32]]:
    def first_rows(count: int) -> NDArray[np.float32]:
        return ROWS[:count] + np.float32(1e-6) * (count in widths)

    return first_rows


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ((), RowRule(most=6, least=1)),
        ((1,), RowRule(most=6, least=2)),
        ((2,), RowRule(most=1, least=1)),
        ((1, 4), RowRule(most=1, least=1)),
        ((6,), RowRule(most=1, least=1)),
    ],
)
def test_rule(wrong: tuple[int, ...], rule: RowRule) -> None:
    assert measure(rows_but_wrong_at(*wrong), 6) == rule


def test_an_output_that_is_overwritten_by_the_next_pass() -> None:
    shared = np.empty_like(ROWS)

    def first_rows(count: int) -> NDArray[np.float32]:
        shared[:count] = ROWS[:count] + np.float32(count == 1)
        return shared[:count]

    assert measure(first_rows, 6) == RowRule(most=6, least=2)

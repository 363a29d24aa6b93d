"""What is concluded from how a machine's kernels treat rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from bark_core.backends.rows import RowRule, measure

ROWS = np.arange(14, dtype=np.float32).reshape(7, 2)


def rows_but_wrong_at(*widths: int) -> Callable[[Sequence[int]], NDArray[np.float32]]:
    def run(rows: Sequence[int]) -> NDArray[np.float32]:
        return ROWS[list(rows)] + np.float32(1e-6) * (len(rows) in widths)

    return run


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ((), RowRule(most=6, least=1)),
        ((1,), RowRule(most=6, least=2)),
        ((1, 3, 5), RowRule(most=6, least=2, multiple=2)),
        ((5,), RowRule(most=6, least=2, multiple=2)),
        ((2,), RowRule(most=1, least=1)),
        ((1, 4), RowRule(most=1, least=1)),
        ((6,), RowRule(most=1, least=1)),
    ],
)
def test_rule(wrong: tuple[int, ...], rule: RowRule) -> None:
    assert measure(rows_but_wrong_at(*wrong), 6) == rule


@pytest.mark.parametrize("most", range(1, 7))
def test_a_last_row_without_a_partner(most: int) -> None:
    """As of kernels that take rows in pairs: there is always a row to go along."""

    def run(rows: Sequence[int]) -> NDArray[np.float32]:
        made = ROWS[list(rows)].copy()
        made[len(rows) // 2 * 2 :] += np.float32(1e-6)
        return made

    rule = measure(run, most)
    widths = [rule.width(count) for count in range(1, most + 1)]
    assert rule.most == most
    assert all(width % 2 == 0 and width <= most + 1 for width in widths)


def test_rows_that_depend_on_their_place_go_alone() -> None:
    def run(rows: Sequence[int]) -> NDArray[np.float32]:
        made = ROWS[list(rows)].copy()
        made[1:] += np.float32(1e-6)
        return made

    assert measure(run, 6) == RowRule(most=1, least=1)


def test_an_output_that_is_overwritten_by_the_next_pass() -> None:
    shared = np.empty_like(ROWS)

    def run(rows: Sequence[int]) -> NDArray[np.float32]:
        shared[: len(rows)] = ROWS[list(rows)] + np.float32(len(rows) == 1)
        return shared[: len(rows)]

    assert measure(run, 6) == RowRule(most=6, least=2)

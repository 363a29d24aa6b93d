"""How rows of strangers may share a pass through a model without changing each other's bits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class RowRule:
    """Found out at start-up, because kernels differ from one processor to the next.

    Attributes:
        most: Rows in one pass.
        least: Narrower passes are widened to so many rows; what the others yield is dropped.
        multiple: Passes are widened to a multiple of this.
    """

    most: int
    least: int
    multiple: int = 1

    def width(self, count: int) -> int:
        """Rows of the pass that so many rows take."""
        return -(-max(count, self.least) // self.multiple) * self.multiple


def measure(run: Callable[[Sequence[int]], NDArray[np.float32]], most: int) -> RowRule:
    """The rule with the least widening under which a row's bits depend on nothing but the row.

    Which numbers are multiplied does not matter to a kernel, the shape does: so every width is
    tried once in each direction. A row alone often takes a kernel of its own, and other bits; many
    kernels take rows in pairs, and a last one without a partner as one alone.

    Args:
        run: Runs some of ``most + 1`` fixed rows, named by their numbers, in one pass. -> [n, ...]
        most: Rows wanted in one pass.
    """
    # Two at least, so that a server with one slot computes what one with eight does.
    reference = run(range(most + most % 2)).copy()

    def agrees(width: int) -> bool:
        forward, backward = range(width), range(width - 1, -1, -1)
        return all(np.array_equal(run(rows), reference[list(rows)]) for rows in (forward, backward))

    rules = (RowRule(most, 1), RowRule(most, 2), RowRule(most, 2, multiple=2))
    agreeing = [width for width in range(1, reference.shape[0] + 1) if agrees(width)]
    for rule in rules:
        if all(rule.width(count) in agreeing for count in range(1, most + 1)):
            return rule
    return RowRule(most=1, least=1)

"""Matrix products on the CPU with oneDNN's own weight layout.

Bark's decode steps are batched over strangers' utterances, and a row's bits must not depend on the
others. Measured with torch 2.13 on Xeons with AVX-512, rows of 768 to 4096:

* ``torch.nn.functional.linear`` (MKL) rounds differently for nearly every number of rows;
* oneDNN with a weight reordered beforehand gives a row the same bits whatever its neighbours, its
  place and their number, from two rows on. A row alone takes another kernel and other bits.

So whoever wants the promise passes two rows at least; the second one costs nothing that can be
measured, because a step waits for the weights. Speed is that of the best layout for one row, eight
rows cost 1.3 times as much as one, and a prefill gains as well.

``rows_are_independent`` repeats the measurement for a model on the machine at hand.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from bark_core.models.linear import Linear

_ROWS_HINT = 16  # the layout oneDNN chooses for this many rows serves one row as fast


class PackedLinear(nn.Module):
    """``Linear`` with the weight in oneDNN's layout, GELU and addition fused into the product."""

    def __init__(self, linear: Linear) -> None:
        super().__init__()
        weight = linear.weight.detach()
        self.out_features, self.in_features = weight.shape
        self.dtype = weight.dtype
        self._ops: Any = torch.ops.mkldnn
        self._packed: Tensor = self._ops._reorder_linear_weight(  # noqa: SLF001
            weight.contiguous(), _ROWS_HINT
        )

    def forward(self, x: Tensor) -> Tensor:
        """Plain product. [P, in] -> [P, out]."""
        return self._product(x, "none", "")

    def gelu(self, x: Tensor) -> Tensor:
        """Product followed by the exact (erf) GELU. [P, in] -> [P, out]."""
        return self._product(x, "gelu", "none")

    def added_to(self, residual: Tensor, x: Tensor) -> Tensor:
        """``residual`` plus the product. [P, out], [P, in] -> [P, out]."""
        if residual.dtype != self.dtype:
            plain: Tensor = residual + self(x)
            return plain
        fused: Tensor = self._ops._linear_pointwise.binary(  # noqa: SLF001
            x.to(self.dtype), residual, self._packed, None, "add"
        )
        return fused

    def _product(self, x: Tensor, after: str, variant: str) -> Tensor:
        result: Tensor = self._ops._linear_pointwise(  # noqa: SLF001
            x.to(self.dtype), self._packed, None, after, [], variant
        )
        return result


def is_available(dtype: torch.dtype) -> bool:
    """Whether this torch has the oneDNN operators, and this processor their kernels for a type.

    Processors without AVX-512 have none for bfloat16.
    """
    has_operators = torch._C._has_mkldnn and hasattr(  # noqa: SLF001
        torch.ops.mkldnn, "_reorder_linear_weight"
    )
    if not has_operators:
        return False
    try:
        torch.ops.mkldnn._reorder_linear_weight(  # noqa: SLF001
            torch.zeros(16, 16, dtype=dtype), _ROWS_HINT
        )
    except RuntimeError:
        return False
    return True


def pack(model: nn.Module) -> None:
    """Replace every ``Linear`` below ``model``; the plain weights are let go."""
    for name, child in list(model.named_children()):
        if isinstance(child, Linear):
            setattr(model, name, PackedLinear(child))
        else:
            pack(child)


def rows_are_independent(model: nn.Module, widest: int) -> bool:
    """Whether a row's bits depend on nothing but the row, on this machine.

    Tries every shape of product of a packed model with 2 to ``widest`` rows, each row at several
    places. (Which numbers are multiplied does not matter to a kernel, their shape does.)
    """
    shapes: dict[tuple[int, int], PackedLinear] = {}
    for module in model.modules():
        if isinstance(module, PackedLinear):
            shapes[module.in_features, module.out_features] = module
    return all(_rows_agree(linear, widest) for linear in shapes.values())


def _rows_agree(linear: PackedLinear, widest: int) -> bool:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(widest, linear.in_features, generator=generator)
    residual = torch.randn(widest, linear.out_features, generator=generator)

    def products(first: int, last: int) -> tuple[Tensor, Tensor, Tensor]:
        rows = x[first:last]
        return linear(rows), linear.gelu(rows), linear.added_to(residual[first:last], rows)

    together = products(0, widest)
    return all(
        torch.equal(part, whole[first : first + count])
        for count in range(2, widest + 1)
        for first in {0, (widest - count) // 2, widest - count}
        for part, whole in zip(products(first, first + count), together, strict=True)
    )

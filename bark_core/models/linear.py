"""The one kind of matrix product in Bark's transformers: no bias, three ways to finish it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Linear(nn.Module):
    """``x @ weight.T``. Computes in the weight's precision, whatever the input's.

    A back end may replace it by something with the same three methods (see
    ``bark_core.backends.torch.packed``), so the models call nothing else.
    """

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(out_features, in_features), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """Plain product. [..., in] -> [..., out]."""
        return functional.linear(x.to(self.weight.dtype), self.weight)

    def gelu(self, x: Tensor) -> Tensor:
        """Product followed by the exact (erf) GELU. [..., in] -> [..., out]."""
        return functional.gelu(self(x))

    def added_to(self, residual: Tensor, x: Tensor) -> Tensor:
        """``residual`` plus the product, in the residual's precision. -> [..., out]."""
        result: Tensor = residual + self(x)
        return result

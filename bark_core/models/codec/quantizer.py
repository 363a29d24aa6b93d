"""Codes to vectors: a table lookup for each codebook, summed."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Codebook(nn.Module):
    """One table."""

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.embed = nn.Parameter(torch.empty(size, width), requires_grad=False)


class QuantizerLayer(nn.Module):
    """One residual stage; exists for its tensor's name."""

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.codebook = Codebook(size, width)


class Quantizer(nn.Module):
    """Residual vector quantiser, decoding side (arXiv:2210.13438, section 3.2)."""

    def __init__(self, n_codebooks: int, size: int, width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(QuantizerLayer(size, width) for _ in range(n_codebooks))

    def forward(self, codes: Tensor) -> Tensor:
        """[K, T] codes -> [C, T]."""
        assert codes.shape[0] == len(self.layers), codes.shape
        total = torch.zeros((), device=codes.device)
        for layer, row in zip(self.layers, codes, strict=True):
            assert isinstance(layer, QuantizerLayer)
            total = total + functional.embedding(row, layer.codebook.embed)  # [T, C]
        return total.t()

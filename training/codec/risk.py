"""How far off, on average, what a network would draw is from what is wanted.

Cross-entropy asks for *the* code; where that cannot be known, it teaches to draw any of many, and
what is drawn is then further off than saying nothing. The expected squared distance instead is
least where all chance is on the code nearest to what can be known (minimum-risk training: Shen et
al. 2016, "Minimum risk training for neural machine translation").
"""

import torch
from torch import Tensor

from training.codec.codebooks import MEL_PARTS, Codebooks

TEMPERATURE = 0.35  # about that at which the voice speaks


def sounds(books: Codebooks) -> Tensor:
    """[8, 1024, 52] the spectral parts of all codes."""
    return torch.from_numpy(books.tables[:, :, :MEL_PARTS].copy())


def spectra(codes: Tensor, tables: Tensor) -> Tensor:
    """[B, F, 52] what codes [B, K, F] of the first K books stand for together."""
    parts = [tables[book][codes[:, book]] for book in range(codes.shape[1])]
    return torch.stack(parts).sum(0)


def risk(logits: Tensor, table: Tensor, wanted: Tensor) -> Tensor:
    """[N] expected squared distances, drawn at `TEMPERATURE`.

    Args:
        logits: [N, 1024] of what is drawn.
        table: [1024, 52] what each code stands for.
        wanted: [N, 52].
    """
    chances = (logits / TEMPERATURE).softmax(-1)
    near = chances @ table.square().sum(1) - 2 * ((chances @ table) * wanted).sum(1)
    return near + wanted.square().sum(1)

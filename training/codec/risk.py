"""How far off, on average, what a network would draw is from what is wanted.

Cross-entropy asks for *the* code; where that cannot be known, it teaches to draw any of many, and
what is drawn is then further off than saying nothing. The expected squared distance instead is
least where all chance is on the code nearest to what can be known (minimum-risk training: Shen et
al. 2016, "Minimum risk training for neural machine translation").
"""

import torch
from torch import Tensor

from training.codec.codebooks import CORRECTIONS, LEVELS, MEL_PARTS, Codebooks

TEMPERATURE = 0.35  # warmer than the voice speaks: more codes learn from each mistake


def sounds(books: Codebooks) -> Tensor:
    """[8, 1024, 52] the spectral parts of all codes."""
    return torch.from_numpy(books.tables[:, :, :MEL_PARTS].copy())


def spectra(codes: Tensor, tables: Tensor) -> Tensor:
    """[B, F, 52] what codes [B, K, F] of the first K books stand for together."""
    parts = [tables[book][codes[:, book]] for book in range(codes.shape[1])]
    return torch.stack(parts).sum(0)


def risk(logits: Tensor, distances: Tensor) -> Tensor:
    """[N] expected squared distances of what is drawn at `TEMPERATURE`.

    Args:
        logits: [N, 1024] of what is drawn.
        distances: [N, 1024] of each code from what is wanted.
    """
    return ((logits / TEMPERATURE).softmax(-1) * distances).sum(1)


def distances_of(table: Tensor, wanted: Tensor) -> Tensor:
    """[N, 1024] squared distances of codes [1024, 52] from what is wanted [N, 52]."""
    near = table.square().sum(1)[None] - 2 * wanted @ table.T
    return near + wanted.square().sum(1)[:, None]


@torch.no_grad()
def distances_with_corrections(tables: Tensor, wanted: Tensor, voiced: Tensor) -> Tensor:
    """[N, 1024] squared distances of codes of book 0 with the best correction of book 1 each.

    Args:
        tables: [8, 1024, 52].
        wanted: [N, 52].
        voiced: [N].
    """
    result = distances_of(tables[0], wanted)
    last = LEVELS * CORRECTIONS
    for who, options in ((voiced, tables[1, :CORRECTIONS]), (~voiced, tables[1, last:])):
        added = options.square().sum(1)[None] + 2 * tables[0] @ options.T
        toward = 2 * wanted[who] @ options.T
        best = torch.full((len(toward), len(added)), torch.inf)
        for option in range(len(options)):
            best = torch.minimum(best, added[None, :, option] - toward[:, option, None])
        result[who] += best
    return result

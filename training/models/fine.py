"""The bidirectional network of the fine stage."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from training.codec.codebooks import LATENT, MEL_PARTS
from training.models.blocks import Block, initialise

VOCABULARY = 1056  # 1024 codes, the pad 1024, and as much unused as published


_SAME_SCALE, _OWN_SCALE = 0.1, 0.08  # of embeddings, beside 0.02 of what is left random


@dataclass(frozen=True, slots=True)
class FineSizes:
    """Sizes of the fine network; `positions` is the window length."""

    positions: int
    layers: int
    heads: int
    width: int
    codebooks: int = 8
    dropout: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """For checkpoints."""
        return asdict(self)


class FineModel(nn.Module):
    """Eight tables, blocks with biased norms, seven heads tied to tables 1 to 7."""

    def __init__(self, sizes: FineSizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.input_embeds_layers = nn.ModuleList(
            nn.Embedding(VOCABULARY, sizes.width) for _ in range(sizes.codebooks)
        )
        self.position_embeds_layer = nn.Embedding(sizes.positions, sizes.width)
        self.layers = nn.ModuleList(
            Block(sizes.width, sizes.heads, causal=False) for _ in range(sizes.layers)
        )
        self.layernorm_final = nn.LayerNorm(sizes.width, eps=1e-5)
        self.lm_heads = nn.ModuleList(
            nn.Linear(sizes.width, VOCABULARY, bias=False) for _ in range(sizes.codebooks - 1)
        )
        self.drop = nn.Dropout(sizes.dropout)
        initialise(self, sizes.layers)
        for index, head in enumerate(self.lm_heads):
            head.weight = self.input_embeds_layers[index + 1].weight

    def forward(self, codes: Tensor, book: int) -> Tensor:
        """[B, T, 1056] logits of codebook `book`; arguments as of `hidden`."""
        logits: Tensor = self.lm_heads[book - 1](self.hidden(codes, book))
        return logits

    def hidden(self, codes: Tensor, book: int) -> Tensor:
        """Final hidden states.

        Args:
            codes: [B, codebooks, T]; rows up to and including `book` are read.
            book: 1 to 7.

        Returns:
            [B, T, width], for the book's head.
        """
        x = self.position_embeds_layer(torch.arange(codes.shape[2], device=codes.device))
        x = x + sum(self.input_embeds_layers[k](codes[:, k]) for k in range(book + 1))
        x = self.drop(x)
        for layer in self.layers:
            x = layer(x)
        final: Tensor = self.layernorm_final(x)
        return final


@torch.no_grad()
def know_codebooks(model: FineModel, tables: np.ndarray) -> None:
    """Begin with embeddings that say where in the codec's space each code lies.

    Which residual follows from the codes so far is a matter of geometry, which a network that
    knows codes by number only has to learn from examples of every one of them. A row is made of
    the code's vector as it is, so that the sum over the books is what has been said so far; the
    same to the scale of its book, which as a head measures how near a code is; and its square
    norm, which a distance needs too. All of it stays free to change.

    Args:
        model: fresh; at least 128 wide.
        tables: [8, 1024, 64] of the codebooks.
    """
    near = LATENT + MEL_PARTS
    for book, table in enumerate(torch.from_numpy(tables).float()):
        rows = model.input_embeds_layers[book].weight[: len(table)]
        rows[:, :LATENT] = _SAME_SCALE * table
        scaled = table[:, :MEL_PARTS] / table[:, :MEL_PARTS].square().mean().sqrt()
        rows[:, LATENT:near] = _OWN_SCALE * scaled
        square = scaled.square().sum(1)
        rows[:, near] = -_OWN_SCALE * (square - square.mean()) / square.std().clamp(min=1e-3)

"""The causal network of the semantic and the coarse stage."""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from training.models.blocks import Block, initialise


@dataclass(frozen=True, slots=True)
class CausalSizes:
    """Sizes of a causal network; `positions` is the longest sequence it can see."""

    input_vocabulary: int
    output_vocabulary: int
    positions: int
    layers: int
    heads: int
    width: int
    dropout: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """For checkpoints."""
        return asdict(self)


class CausalModel(nn.Module):
    """Embeddings, blocks, a final norm and an untied head; no bias anywhere."""

    def __init__(self, sizes: CausalSizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.input_embeds_layer = nn.Embedding(sizes.input_vocabulary, sizes.width)
        self.position_embeds_layer = nn.Embedding(sizes.positions, sizes.width)
        self.layers = nn.ModuleList(
            Block(sizes.width, sizes.heads, causal=True) for _ in range(sizes.layers)
        )
        self.layernorm_final = nn.LayerNorm(sizes.width, eps=1e-5, bias=False)
        self.lm_head = nn.Linear(sizes.width, sizes.output_vocabulary, bias=False)
        self.drop = nn.Dropout(sizes.dropout)
        initialise(self, sizes.layers)

    def embed(self, ids: Tensor) -> Tensor:
        """[B, T] ids to [B, T, width], positions not yet added."""
        return self.input_embeds_layer(ids)

    def forward(
        self,
        embedded: Tensor,
        first: int = 0,
        past: list[list[Tensor]] | None = None,
        looks: dict[int, list[Tensor]] | None = None,
    ) -> Tensor:
        """Final hidden states.

        Args:
            embedded: [B, T, width] of `embed`.
            first: position of the first of them.
            past: one list a layer, as `Attention` keeps them; None for no cache.
            looks: lists to fill, by layer, as `Attention` says; None for none.

        Returns:
            [B, T, width], for `lm_head`.
        """
        places = torch.arange(first, first + embedded.shape[1], device=embedded.device)
        x = self.drop(embedded + self.position_embeds_layer(places))
        for index, layer in enumerate(self.layers):
            look = None if looks is None else looks.get(index)
            x = layer(x, None if past is None else past[index], look)
        return self.layernorm_final(x)

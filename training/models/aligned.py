"""Position embeddings by which coarse tokens find their semantic token from the first step on."""

import math

import torch
from torch import Tensor

from training.models.causal import CausalModel
from training.recipe import Recipe

_AMPLITUDE = 0.06  # of the codes, beside embeddings of 0.02
_SHARPNESS = 0.75  # the right place starts with some 5 nats before any other
# Semantic tokens that the heads of the first layer look at, from the one being rendered: phones
# colour their neighbours. The last head is left free.
_OFFSETS = (0.0, 1.0, -1.0)


@torch.no_grad()
def align(model: CausalModel, recipe: Recipe) -> None:
    """Begin with heads that look at the semantic token of the coarse token they predict.

    Where in a window a semantic token stands follows from where its coarse tokens stand, but a
    small network needs thousands of steps to find that out and meanwhile learns to guess without.
    So a code of each semantic place is written into some columns of its position embedding, the
    code of the place it renders into other columns of each coarse position's, and the first layer
    begins by comparing them. Everything stays free to change.
    """
    width = model.sizes.width
    size = width // model.sizes.heads
    places = model.position_embeds_layer.weight
    slots = recipe.max_coarse_input
    coarse = torch.arange(places.shape[0] - slots, dtype=torch.float32)
    # The infer token predicts coarse token 0; a prompt lacks its last frame, hence about a half.
    rendered = (coarse + 0.5 * recipe.coarse_codebooks) / recipe.coarse_per_semantic - 0.5
    places[:, : 2 * size] = 0.0
    model.input_embeds_layer.weight[:, : 2 * size] = 0.0
    places[:slots, :size] = _code(torch.arange(slots, dtype=torch.float32), size)
    places[slots:, size : 2 * size] = _code(rendered, size)
    query, key, _ = model.layers[0].attn.att_proj.weight.split(width)  # type: ignore[union-attr,operator]
    for head, offset in enumerate(_OFFSETS):
        rows = slice(head * size, (head + 1) * size)
        query[rows], key[rows] = 0.0, 0.0
        query[rows, size : 2 * size] = _SHARPNESS * _turned(offset, size)
        key[rows, :size] = _SHARPNESS * torch.eye(size)


def _speeds(size: int) -> Tensor:
    return math.pi * (torch.arange(size // 2) + 0.5) / (size // 2)


def _code(places: Tensor, size: int) -> Tensor:
    """[P, size] cosines and sines; the product of two codes falls off within one place."""
    angles = places[:, None] * _speeds(size)
    return _AMPLITUDE * torch.cat([angles.cos(), angles.sin()], 1)


def _turned(offset: float, size: int) -> Tensor:
    """[size, size] the matrix that turns the code of a place into that of place + offset."""
    angles = offset * _speeds(size)
    cosine, sine = torch.diag(angles.cos()), torch.diag(angles.sin())
    return torch.cat([torch.cat([cosine, -sine], 1), torch.cat([sine, cosine], 1)])

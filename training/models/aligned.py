"""Position embeddings by which heads find their place from the first step on.

Coarse tokens find their semantic token, frames of the fine stage their neighbours.
"""

import math

import torch
from torch import Tensor

from training.codec.codebooks import LATENT, MEL_PARTS
from training.models.causal import CausalModel
from training.models.fine import FineModel
from training.recipe import Recipe

_AMPLITUDE = 0.06  # of the codes, beside embeddings of 0.02
_SHARPNESS = 0.75  # the right place starts with some 5 nats before any other
# Semantic tokens that the heads of the first layer look at, from the one being rendered: phones
# colour their neighbours. The last head is left free.
_OFFSETS = (0.0, 1.0, -1.0)
# Frames that the heads of each layer of the fine stage look at, from the one being filled: as a
# stack of convolutions would.
_NEIGHBOURS = ((-3, -2, -1, 1, 2, 3), (-5, -2, -1, 1, 2, 5), (-8, -3, -1, 1, 3, 8))
_LOUDER = 0.2  # amplitude beside the fine stage's embeddings of 0.1
_FINE_SHARPNESS = 1.0  # the right frame starts with nine tenths of a head's attention
_SPREAD = 1.44  # exponent of the speeds: with equal steps a code would come again


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
    places[:slots, :size] = _AMPLITUDE * _code(torch.arange(slots, dtype=torch.float32), size)
    places[slots:, size : 2 * size] = _AMPLITUDE * _code(rendered, size)
    query, key, _ = model.layers[0].attn.att_proj.weight.split(width)  # type: ignore[union-attr,operator]
    for head, offset in enumerate(_OFFSETS):
        rows = slice(head * size, (head + 1) * size)
        query[rows], key[rows] = 0.0, 0.0
        query[rows, size : 2 * size] = _SHARPNESS * _turned(offset, size)
        key[rows, :size] = _SHARPNESS * torch.eye(size)


@torch.no_grad()
def look_around(model: FineModel) -> None:
    """Begin with heads that look at the frames around the one being filled.

    What is near in time tells most of what the coarse codes have left out. A network of this size
    that has to find out from position embeddings which frames are near learns that last: without
    this it mended half as much as convolutions did.

    Args:
        model: fresh; its last columns, as many as a head has, are taken for the places.

    Raises:
        ValueError: The codebooks need those columns (`know_codebooks`).
    """
    width = model.sizes.width
    size = width // model.sizes.heads
    if width - size <= LATENT + MEL_PARTS:
        raise ValueError(f"a width of {width} leaves no room for places: take a larger one")
    mine = slice(width - size, width)
    places = torch.arange(model.sizes.positions, dtype=torch.float32)
    model.position_embeds_layer.weight[:, mine] = _LOUDER * _code(places, size, _SPREAD)
    for table in model.input_embeds_layers:
        table.weight[:, mine] = 0.0
    for layer, offsets in zip(model.layers, _NEIGHBOURS, strict=False):
        query, key, _ = layer.attn.att_proj.weight.split(width)  # type: ignore[union-attr,operator]
        for head, offset in enumerate(offsets[: model.sizes.heads]):
            rows = slice(head * size, (head + 1) * size)
            query[rows], key[rows] = 0.0, 0.0
            query[rows, mine] = _FINE_SHARPNESS * _turned(float(offset), size, _SPREAD)
            key[rows, mine] = _FINE_SHARPNESS * torch.eye(size)


def _speeds(size: int, spread: float) -> Tensor:
    return math.pi * ((torch.arange(size // 2) + 0.5) / (size // 2)) ** spread


def _code(places: Tensor, size: int, spread: float = 1.0) -> Tensor:
    """[P, size] cosines and sines; the product of two codes falls off within one place."""
    angles = places[:, None] * _speeds(size, spread)
    return torch.cat([angles.cos(), angles.sin()], 1)


def _turned(offset: float, size: int, spread: float = 1.0) -> Tensor:
    """[size, size] the matrix that turns the code of a place into that of place + offset."""
    angles = offset * _speeds(size, spread)
    cosine, sine = torch.diag(angles.cos()), torch.diag(angles.sin())
    return torch.cat([torch.cat([cosine, -sine], 1), torch.cat([sine, cosine], 1)])

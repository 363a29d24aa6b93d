"""Fills a model with the tensors of a checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn

from bark_core.errors import CheckpointError
from bark_core.weights import StateDict

ModelT = TypeVar("ModelT", bound=nn.Module)


def as_tensors(arrays: StateDict) -> dict[str, Tensor]:
    """The same memory as tensors."""
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def build(make: Callable[[], ModelT], tensors: Mapping[str, Tensor], stage: str) -> ModelT:
    """Make a model that *is* these tensors: no second copy, no random initialisation.

    Args:
        make: The model's constructor; it runs on the meta device.
        tensors: Every tensor of the model by its canonical name, and no other.
        stage: For the message.

    Raises:
        CheckpointError: A tensor is missing, unexpected or of another shape; names it.
    """
    with torch.device("meta"):
        model = make()
    try:
        model.load_state_dict(dict(tensors), strict=True, assign=True)
    except RuntimeError as error:
        raise CheckpointError(
            f"the {stage} weights do not fit the checkpoint's own config: {error}"
        ) from error
    return model.eval().requires_grad_(requires_grad=False)

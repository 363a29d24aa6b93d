"""Storage forms of a tensor, brought to plain float32.

The storage convention of checkpoints that are meant to be small:

* float16 and bfloat16 tensors are stored under their own name and widened.
* An int8 tensor ``NAME`` has a companion ``NAME_scale`` (any float type) of shape ``[n]``, one
  scale for each index of the first dimension (a row of a matrix, an output channel of a
  convolution, an input channel of a transposed one). Its value is ``NAME * NAME_scale``.

Both work in either file format and for every tensor, mixed as one likes. Weight norm
(Salimans & Kingma 2016, arXiv:1602.07868) is folded: ``w = g * v / |v|`` with the norm over all
dimensions but the first, for transposed convolutions too.
"""

from __future__ import annotations

import torch

from bark_core.errors import CheckpointError
from bark_core.weights.files import StateDict

SCALE_SUFFIX = "_scale"
# Gain and direction of weight norm: the old and the new way of torch to name them.
_NORM_FORMS = (
    ("weight_g", "weight_v"),
    ("parametrizations.weight.original0", "parametrizations.weight.original1"),
)
_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def widened(tensors: StateDict) -> StateDict:
    """Every tensor in float32, int8 ones scaled.

    Raises:
        CheckpointError: A tensor of another type, or an int8 tensor without a fitting scale.
    """
    return {
        name: _widened(name, tensor, tensors)
        for name, tensor in tensors.items()
        if not _is_scale(name, tensors)
    }


def _is_scale(name: str, tensors: StateDict) -> bool:
    scaled = tensors.get(name.removesuffix(SCALE_SUFFIX))
    return name.endswith(SCALE_SUFFIX) and scaled is not None and scaled.dtype == torch.int8


def _widened(name: str, tensor: torch.Tensor, tensors: StateDict) -> torch.Tensor:
    if tensor.dtype in _FLOATS:
        return tensor.to(torch.float32)
    if tensor.dtype != torch.int8:
        raise CheckpointError(f"the tensor {name} has the type {tensor.dtype}, not a float or int8")
    scale = tensors.get(name + SCALE_SUFFIX)
    if scale is None or scale.dtype not in _FLOATS or scale.shape != tensor.shape[:1]:
        raise CheckpointError(
            f"the int8 tensor {name} needs {name}{SCALE_SUFFIX}: one float for each index of its "
            "first dimension"
        )
    return tensor.to(torch.float32) * scale.to(torch.float32).view(-1, *[1] * (tensor.ndim - 1))


def folded(tensors: StateDict) -> StateDict:
    """The same tensors with weight norm folded into plain ``weight``.

    Raises:
        CheckpointError: A gain without its direction or of another shape, or the reverse.
    """
    plain = dict(tensors)
    for gain_suffix, direction_suffix in _NORM_FORMS:
        for name in [name for name in plain if name.endswith(f".{gain_suffix}")]:
            stem = name.removesuffix(gain_suffix)
            gain, direction = plain.pop(name), plain.pop(stem + direction_suffix, None)
            if (
                direction is None
                or gain.shape != (direction.shape[0], *[1] * (direction.ndim - 1))
                or f"{stem}weight" in plain
            ):
                raise CheckpointError(
                    f"the weight norm of {stem}weight is incomplete or of the wrong shape"
                )
            norm = direction.flatten(1).norm(dim=1).view(gain.shape)
            plain[f"{stem}weight"] = direction * (gain / norm)
    return plain

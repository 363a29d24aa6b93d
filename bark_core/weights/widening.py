"""Storage forms of a tensor, brought to plain float32.

The storage convention of checkpoints that are meant to be small:

* float16 and bfloat16 tensors are stored under their own name and widened.
* An int8 tensor ``NAME`` has a companion ``NAME_scale`` (any float type) of shape ``[n]``, one
  scale for each index of the first dimension (a row of a matrix, an output channel of a
  convolution, an input channel of a transposed one). Its value is ``NAME * NAME_scale``.

Both work in either file format and for every tensor, mixed as one likes. Weight norm
(Salimans & Kingma 2016, arXiv:1602.07868) is folded: ``w = g * v / |v|`` with the norm over all
dimensions but the first, for transposed convolutions too.

What overflows here, or is divided by zero, becomes infinite or NaN; the loader looks for these.
"""

from __future__ import annotations

import numpy as np

from bark_core.errors import CheckpointError
from bark_core.weights.stored import BFLOAT16, FloatArray, StateDict, StoredTensor, StoredTensors

SCALE_SUFFIX = "_scale"
# Gain and direction of weight norm: the old and the new way of torch to name them.
_NORM_FORMS = (
    ("weight_g", "weight_v"),
    ("parametrizations.weight.original0", "parametrizations.weight.original1"),
)
_FLOATS = frozenset({"F64", "F32", "F16", BFLOAT16})
_INT8 = "I8"
_BFLOAT16_SHIFT = 16  # it is the upper half of a float32


def widened(tensors: StoredTensors) -> StateDict:
    """Every tensor in float32, int8 ones scaled. Those stored as float32 are not copied.

    Raises:
        CheckpointError: A tensor of another type, or an int8 tensor without a fitting scale.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return {
            name: _widened(name, tensor, tensors)
            for name, tensor in tensors.items()
            if not _is_scale(name, tensors)
        }


def _is_scale(name: str, tensors: StoredTensors) -> bool:
    scaled = tensors.get(name.removesuffix(SCALE_SUFFIX))
    return name.endswith(SCALE_SUFFIX) and scaled is not None and scaled.type == _INT8


def _widened(name: str, tensor: StoredTensor, tensors: StoredTensors) -> FloatArray:
    if tensor.type in _FLOATS:
        return _float32(tensor)
    if tensor.type != _INT8:
        raise CheckpointError(
            f"the tensor {name} has the type {tensor.type}, not a float (F64, F32, F16, BF16) or I8"
        )
    scale = tensors.get(name + SCALE_SUFFIX)
    values = tensor.array
    if scale is None or scale.type not in _FLOATS or scale.array.shape != values.shape[:1]:
        raise CheckpointError(
            f"the int8 tensor {name} needs {name}{SCALE_SUFFIX}: one float for each index of its "
            "first dimension"
        )
    return values.astype(np.float32) * _by_row(_float32(scale), values.ndim)


def _float32(tensor: StoredTensor) -> FloatArray:
    if tensor.type == BFLOAT16:
        bits = np.asarray(tensor.array.astype(np.uint32) << _BFLOAT16_SHIFT)
        return bits.view(np.float32)
    return tensor.array.astype(np.float32, copy=False)


def _by_row(values: FloatArray, ndim: int) -> FloatArray:
    """[n] as [n, 1, 1 ...] of so many dimensions."""
    return values.reshape(-1, *[1] * (ndim - 1))


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
                or direction.ndim == 0
                or gain.shape != (direction.shape[0], *[1] * (direction.ndim - 1))
                or f"{stem}weight" in plain
            ):
                raise CheckpointError(
                    f"the weight norm of {stem}weight is incomplete or of the wrong shape"
                )
            plain[f"{stem}weight"] = _folded(gain, direction)
    return plain


def _folded(gain: FloatArray, direction: FloatArray) -> FloatArray:
    """``g * v / |v|``. [n, 1 ...], [n, ...] -> [n, ...]; the squares are summed in float64."""
    rows = direction.reshape(direction.shape[0], -1).astype(np.float64)
    norm = np.sqrt((rows * rows).sum(axis=1)).astype(np.float32)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        return direction * (gain / _by_row(norm, direction.ndim))

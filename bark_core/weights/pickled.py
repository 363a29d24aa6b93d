"""Reads tensors out of files that ``torch.save`` wrote, without running what they say.

The only module of this package that needs torch; ``files`` imports it when such a file is read.
"""

from __future__ import annotations

import _codecs
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bark_core.checkpoints.pickle_outline import read_outline
from bark_core.errors import CheckpointError
from bark_core.weights.stored import BFLOAT16, StoredTensor, StoredTensors

# What Suno's files pickle besides tensors: a loss as a numpy scalar. All of it is plain data.
_NUMPY_SCALAR: Any = np.float64(0).__reduce__()[0]  # its module differs between numpy 1 and 2
_PLAIN_DATA: tuple[Any, ...] = (
    (_NUMPY_SCALAR, "numpy.core.multiarray.scalar"),
    (_NUMPY_SCALAR, "numpy._core.multiarray.scalar"),
    np.dtype,
    type(np.dtype("float32")),
    type(np.dtype("float64")),
    _codecs.encode,
)
_TYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: BFLOAT16,
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


def read_torch(path: Path) -> StoredTensors:
    """The tensors of a file that holds nothing else, by name.

    Raises:
        CheckpointError: Damaged, unsafe, or not of that kind.
    """
    content = _load(path)
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} does not hold tensors by name")
    return _only_tensors(content, path)


def read_suno(path: Path) -> StoredTensors:
    """The tensors under ``model`` in a file of Suno's, by name.

    Raises:
        CheckpointError: Damaged, unsafe, or not of that kind.
    """
    content = _load(path)
    model = content.get("model") if isinstance(content, dict) else None
    if not isinstance(model, dict):
        raise CheckpointError(f"{path} holds no model: this is not a file of Suno's Bark")
    return _only_tensors(model, path)


def _load(path: Path) -> object:
    """What ``torch.save`` wrote, as far as it is tensors and plain data."""
    archived = zipfile.is_zipfile(path)
    if archived:
        # Says better than torch what is wrong with a file, and refuses the same things.
        read_outline(path)
    try:
        with torch.serialization.safe_globals(list(_PLAIN_DATA)):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=archived)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} is damaged, or holds more than tensors and plain data and is refused as "
            "unsafe; use the published files or safetensors"
        ) from error
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{path} is damaged ({type(error).__name__}); fetch it again"
        ) from error


def _only_tensors(content: dict[object, object], path: Path) -> StoredTensors:
    tensors: StoredTensors = {}
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise CheckpointError(f"{path} holds {str(name)[:80]!r}, which is not a tensor")
        tensors[name] = _stored(value)
    return tensors


def _stored(tensor: torch.Tensor) -> StoredTensor:
    """The same numbers without torch, in the same memory."""
    kind = _TYPES.get(tensor.dtype)
    if kind is None or tensor.layout != torch.strided:
        # Cannot be used, which is said where it is asked for.
        return StoredTensor(np.empty(0, np.uint8), str(tensor.dtype).removeprefix("torch."))
    tensor = tensor.detach()
    if kind == BFLOAT16:
        return StoredTensor(tensor.view(torch.int16).numpy().view(np.uint16), kind)
    return StoredTensor(tensor.numpy(), kind)

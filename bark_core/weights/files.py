"""Reads tensors out of files: mapped into memory where possible, never by running a pickle."""

from __future__ import annotations

import _codecs
import pickle
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from bark_core.checkpoints.pickle_outline import read_outline
from bark_core.errors import CheckpointError

StateDict = dict[str, torch.Tensor]

MAX_FILE_BYTES = 32 * 1024**3  # a large Suno file with its optimiser state has 5.4 GB
MAX_HEADER_BYTES = 16 * 1024**2
MAX_TENSORS = 50_000

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


def read_tensors(paths: Iterable[Path]) -> StateDict:
    """All tensors of a file or of its shards, by their names in the file.

    Raises:
        CheckpointError: Missing, too large, damaged, unsafe, or a name occurs twice.
    """
    tensors: StateDict = {}
    for path in paths:
        _check_size(path)
        read = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
        if twice := tensors.keys() & read.keys():
            raise CheckpointError(f"the tensor {min(twice)} occurs in more than one file ({path})")
        tensors.update(read)
    if len(tensors) > MAX_TENSORS:
        raise CheckpointError(f"more than {MAX_TENSORS} tensors: this is not a Bark checkpoint")
    return tensors


def read_suno_model(path: Path) -> StateDict:
    """The tensors under ``model`` in a file of Suno's.

    Raises:
        CheckpointError: Missing, too large, damaged, unsafe, or not of that kind.
    """
    _check_size(path)
    content = _load_torch(path)
    model = content.get("model") if isinstance(content, dict) else None
    if not isinstance(model, dict):
        raise CheckpointError(f"{path} holds no model: this is not a file of Suno's Bark")
    return _only_tensors(model, path)


def _check_size(path: Path) -> None:
    try:
        size_bytes = path.stat().st_size
    except OSError as error:
        raise CheckpointError(f"cannot read the weights {path}: {error.strerror}") from error
    if not path.is_file() or size_bytes > MAX_FILE_BYTES:
        raise CheckpointError(f"{path} is not a file of at most {MAX_FILE_BYTES} bytes")


def _read_safetensors(path: Path) -> StateDict:
    with path.open("rb") as file:
        header_bytes = int.from_bytes(file.read(8), "little")
    if header_bytes > MAX_HEADER_BYTES:
        raise CheckpointError(
            f"{path} declares a header of {header_bytes} bytes, beyond {MAX_HEADER_BYTES}: it is "
            "damaged or no safetensors file; fetch it again"
        )
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no dict)
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path} is damaged ({error}); fetch it again") from error


def _read_torch(path: Path) -> StateDict:
    content = _load_torch(path)
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} does not hold tensors by name")
    return _only_tensors(content, path)


def _load_torch(path: Path) -> object:
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


def _only_tensors(content: dict[object, object], path: Path) -> StateDict:
    tensors: StateDict = {}
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise CheckpointError(f"{path} holds {str(name)[:80]!r}, which is not a tensor")
        tensors[name] = value
    return tensors

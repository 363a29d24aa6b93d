"""Reads tensors out of files: mapped into memory where possible, never by running a pickle."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from bark_core.errors import CheckpointError, MissingDependencyError
from bark_core.weights.safetensors_file import map_safetensors
from bark_core.weights.stored import StoredTensors

MAX_FILE_BYTES = 32 * 1024**3  # a large Suno file with its optimiser state has 5.4 GB
MAX_TENSORS = 50_000


def read_tensors(paths: Iterable[Path]) -> StoredTensors:
    """All tensors of a file or of its shards, by their names in the file.

    Raises:
        CheckpointError: Missing, too large, damaged, unsafe, or a name occurs twice.
        MissingDependencyError: It is a pickled file and torch is not installed.
    """
    tensors: StoredTensors = {}
    for path in paths:
        _check_size(path)
        read = (
            map_safetensors(path)
            if path.suffix == ".safetensors"
            else _pickled(path).read_torch(path)
        )
        if twice := tensors.keys() & read.keys():
            raise CheckpointError(f"the tensor {min(twice)} occurs in more than one file ({path})")
        tensors.update(read)
    if len(tensors) > MAX_TENSORS:
        raise CheckpointError(f"more than {MAX_TENSORS} tensors: this is not a Bark checkpoint")
    return tensors


def read_suno_model(path: Path) -> StoredTensors:
    """The tensors under ``model`` in a file of Suno's.

    Raises:
        CheckpointError: Missing, too large, damaged, unsafe, or not of that kind.
        MissingDependencyError: torch is not installed.
    """
    _check_size(path)
    tensors: StoredTensors = _pickled(path).read_suno(path)
    return tensors


def _check_size(path: Path) -> None:
    try:
        size_bytes = path.stat().st_size
    except OSError as error:
        raise CheckpointError(f"cannot read the weights {path}: {error.strerror}") from error
    if not path.is_file() or size_bytes > MAX_FILE_BYTES:
        raise CheckpointError(f"{path} is not a file of at most {MAX_FILE_BYTES} bytes")


def _pickled(path: Path) -> ModuleType:
    """The reader of pickled files."""
    try:
        from bark_core.weights import pickled  # noqa: PLC0415 (needs torch, which is optional)
    except ImportError as error:
        raise MissingDependencyError(
            f"{path} is a pickled file, and only torch reads these: pip install "
            "'barkstream[torch]' (on a machine without a GPU install the CPU build of torch "
            "first), or use a checkpoint with model.safetensors"
        ) from error
    return pickled

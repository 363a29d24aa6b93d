"""Maps a safetensors file into memory.

The ``safetensors`` package checks the file (types, shapes, offsets that cover it without overlaps)
but copies every tensor that it hands to numpy; so it checks here, and numpy maps.

Format: https://huggingface.co/docs/safetensors/index#format
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from bark_core.errors import CheckpointError
from bark_core.weights.stored import BFLOAT16, StoredTensor, StoredTensors

MAX_HEADER_BYTES = 16 * 1024**2
_LENGTH_BYTES = 8  # before the header stands its length
_METADATA = "__metadata__"
_TYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    BFLOAT16: "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U8": "u1",
    "BOOL": "?",
}


def map_safetensors(path: Path) -> StoredTensors:
    """All tensors of a file, by name. A change of an array never reaches the file.

    Raises:
        CheckpointError: It is damaged.
    """
    with path.open("rb") as file:
        header_bytes = int.from_bytes(file.read(_LENGTH_BYTES), "little")
    if header_bytes > MAX_HEADER_BYTES:
        raise CheckpointError(
            f"{path} declares a header of {header_bytes} bytes, beyond {MAX_HEADER_BYTES}: it is "
            "damaged or no safetensors file; fetch it again"
        )
    try:
        with safe_open(path, framework="numpy"):
            pass  # raises if anything is wrong with the header
        content = np.memmap(path, dtype=np.uint8, mode="c")
        start = _LENGTH_BYTES + header_bytes
        header = json.loads(content[_LENGTH_BYTES:start].tobytes())
        return {
            name: _tensor(content[start:], entry)
            for name, entry in header.items()
            if name != _METADATA
        }
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} is damaged ({error}); fetch it again") from error


def _tensor(data: NDArray[np.uint8], entry: dict[str, Any]) -> StoredTensor:
    """One tensor of the mapped data."""
    begin, end = entry["data_offsets"]
    raw = data[begin:end]
    kind = _TYPES.get(entry["dtype"])
    # A type without a name here cannot be used, which is said where its tensor is asked for.
    array = raw if kind is None else raw.view(kind).reshape(entry["shape"])
    return StoredTensor(np.asarray(array), entry["dtype"])

"""Reads one ``.npy`` array of integers: bounded, and without ever unpickling.

Format: numpy's NEP 1 / ``numpy.lib.format`` (versions 1 and 2).
"""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np

from bark_core.errors import VoiceDataError
from bark_core.voices.validation import as_codes
from bark_core.voices.voice import IntArray

MAX_ARRAY_BYTES = 2 * 1024 * 1024  # the longest published prompt array has 70 kB
_MAX_HEADER_BYTES = 4096
_MAX_RANK = 2


def read_npy(name: str, path: Path) -> IntArray:
    """Load a file of integers.

    Raises:
        VoiceDataError: Missing, too large, damaged or not integers.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_ARRAY_BYTES + 1)
    except OSError as error:
        raise VoiceDataError(
            f"{name}: cannot read {path.name}: {error.strerror}", field="voice"
        ) from error
    return parse_npy(name, data)


def parse_npy(name: str, data: bytes) -> IntArray:
    """Parse the bytes of a ``.npy`` file.

    Raises:
        VoiceDataError: Too large, damaged or not integers.
    """
    if len(data) > MAX_ARRAY_BYTES:
        raise VoiceDataError(f"{name} is larger than {MAX_ARRAY_BYTES} bytes", field="voice")
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        if version == (1, 0):
            header = np.lib.format.read_array_header_1_0(stream, max_header_size=_MAX_HEADER_BYTES)
        elif version == (2, 0):
            header = np.lib.format.read_array_header_2_0(stream, max_header_size=_MAX_HEADER_BYTES)
        else:
            raise VoiceDataError(f"{name} has an unknown npy version {version}", field="voice")
    except (ValueError, EOFError, SyntaxError, TypeError) as error:
        raise VoiceDataError(f"{name} is not a readable npy array", field="voice") from error
    shape, fortran_order, dtype = header
    if dtype.kind not in "iu":
        raise VoiceDataError(f"{name} must hold integers, not {dtype}", field="voice")
    if len(shape) > _MAX_RANK or any(size < 0 for size in shape):
        raise VoiceDataError(f"{name} has the impossible shape {list(shape)}", field="voice")
    payload = data[stream.tell() :]
    if math.prod(shape) * dtype.itemsize != len(payload):
        raise VoiceDataError(
            f"{name} is cut short or too long: its header declares {list(shape)} values of "
            f"{dtype}, the file holds {len(payload)} bytes",
            field="voice",
        )
    array = np.frombuffer(payload, dtype=dtype)
    return as_codes(name, array.reshape(shape, order="F" if fortran_order else "C"))

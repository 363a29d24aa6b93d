"""Linear samples as bytes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
INT16_SCALE = 32_768


def to_int16(pcm: FloatArray) -> NDArray[np.int16]:
    """Rounded to 16 bits, clipped, never wrapped. float32 [N] -> int16 [N]."""
    scaled: FloatArray = np.rint(pcm * np.float32(INT16_SCALE))
    return scaled.clip(-INT16_SCALE, INT16_SCALE - 1).astype(np.int16)


def encode_s16le(pcm: FloatArray) -> bytes:
    """Signed 16-bit little-endian samples."""
    return to_int16(pcm).astype("<i2").tobytes()


def encode_f32le(pcm: FloatArray) -> bytes:
    """32-bit little-endian floats, clipped to [-1, 1]."""
    return np.clip(pcm, -1.0, 1.0).astype("<f4").tobytes()

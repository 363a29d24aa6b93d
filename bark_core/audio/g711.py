"""G.711 companding: mu-law and A-law, one byte a sample.

ITU-T Recommendation G.711 (1988), tables 1 and 2. The interpreter's own ``audioop`` is gone since
Python 3.13 and the packages that replace it are unmaintained, so the two tables are computed here,
once, for all 16-bit samples; encoding is a look-up.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from bark_core.audio.pcm import FloatArray, to_int16

_BIAS = 33  # Moves the segment borders of mu-law to powers of two.
_CLIP = 8_158  # The last value of the eighth segment, 2**13 - 1, less the bias.
_SAMPLES = 1 << 16


def encode_mulaw(pcm: FloatArray) -> bytes:
    """float32 [N], clipped to [-1, 1] -> N bytes."""
    return _mulaw_table()[to_int16(pcm).view(np.uint16)].tobytes()


def encode_alaw(pcm: FloatArray) -> bytes:
    """float32 [N], clipped to [-1, 1] -> N bytes."""
    return _alaw_table()[to_int16(pcm).view(np.uint16)].tobytes()


@cache
def _mulaw_table() -> NDArray[np.uint8]:
    """Byte of every 16-bit sample, indexed by its bits. [65536]."""
    linear = _all_samples() >> 2  # mu-law is defined on 14 bits.
    magnitude = np.minimum(np.abs(linear), _CLIP) + _BIAS
    segment = np.floor(np.log2(magnitude)).astype(np.int32) - 5
    step = (magnitude >> (segment + 1)) & 15
    code = (segment << 4) | step
    # All bits are inverted on the line; the sign bit of positive values is 1.
    return _frozen(np.where(linear < 0, code ^ 0x7F, code ^ 0xFF))


@cache
def _alaw_table() -> NDArray[np.uint8]:
    """Byte of every 16-bit sample, indexed by its bits. [65536]."""
    linear = _all_samples() >> 3  # A-law is defined on 13 bits.
    magnitude = np.where(linear < 0, -linear - 1, linear)
    segment = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int32) - 4, 0)
    step = (magnitude >> np.maximum(segment, 1)) & 15
    code = (segment << 4) | step
    # Even bits are inverted on the line; the sign bit of positive values is 1.
    return _frozen(np.where(linear < 0, code ^ 0x55, code ^ 0xD5))


def _all_samples() -> NDArray[np.int32]:
    return np.arange(_SAMPLES, dtype=np.uint16).view(np.int16).astype(np.int32)


def _frozen(table: NDArray[np.int32]) -> NDArray[np.uint8]:
    result = table.astype(np.uint8)
    result.setflags(write=False)  # Shared by all threads.
    return result

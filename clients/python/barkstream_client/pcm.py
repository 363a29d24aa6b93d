"""Decoding of the headerless encodings, with numpy alone."""

from __future__ import annotations

import io
import wave
from functools import cache

import numpy as np
from numpy.typing import NDArray

from barkstream_client.errors import UndecodableError

FloatArray = NDArray[np.float32]

# Full scale of the G.711 tables below, which are 16-bit: 14-bit (mu-law) and 13-bit (A-law)
# values shifted up.
_FULL_SCALE = 32768.0


def decode_pcm(data: bytes, encoding: str) -> FloatArray:
    """Bytes of a headerless encoding -> float32 [N] in [-1, 1].

    Raises:
        UndecodableError: The encoding has a header or is compressed, or a sample is cut.
    """
    try:
        match encoding:
            case "pcm_s16le":
                return np.frombuffer(data, "<i2").astype(np.float32) / _FULL_SCALE
            case "pcm_f32le":
                return np.frombuffer(data, "<f4").astype(np.float32)
            case "mulaw":
                return mulaw_table()[np.frombuffer(data, np.uint8)]
            case "alaw":
                return alaw_table()[np.frombuffer(data, np.uint8)]
    except ValueError as error:
        raise UndecodableError(f"{len(data)} bytes are no whole samples of {encoding}") from error
    raise UndecodableError(
        f"{encoding} needs a decoder of its own; ask for encoding='pcm_s16le' to get samples"
    )


def decode_whole(data: bytes, encoding: str) -> FloatArray:
    """Like ``decode_pcm``, for audio from its start to its end, so that WAV is possible too."""
    if encoding != "wav":
        return decode_pcm(data, encoding)
    try:
        with wave.open(io.BytesIO(data)) as reader:
            samples = reader.readframes(reader.getnframes())
    except (wave.Error, EOFError) as error:
        raise UndecodableError(f"this is no WAV file: {error or 'it is cut short'}") from error
    return decode_pcm(samples, "pcm_s16le")


@cache
def mulaw_table() -> FloatArray:
    """Sample of each of the 256 mu-law bytes. ITU-T G.711, table 2."""
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    exponent, mantissa = (code >> 4) & 7, code & 15
    magnitude = (((mantissa << 3) + 132) << exponent) - 132
    return _signed(magnitude, negative=code >= 128)  # noqa: PLR2004 - the sign bit


@cache
def alaw_table() -> FloatArray:
    """Sample of each of the 256 A-law bytes. ITU-T G.711, table 1."""
    code = np.arange(256, dtype=np.int32) ^ 0x55
    exponent, mantissa = (code >> 4) & 7, code & 15
    linear = (mantissa << 4) + 8
    magnitude = np.where(exponent == 0, linear, (linear + 256) << np.maximum(exponent - 1, 0))
    return _signed(magnitude, negative=code < 128)  # noqa: PLR2004 - the sign bit


def _signed(magnitude: NDArray[np.int32], *, negative: NDArray[np.bool_]) -> FloatArray:
    values = (np.where(negative, -magnitude, magnitude) / _FULL_SCALE).astype(np.float32)
    values.setflags(write=False)  # Shared by all callers.
    return values

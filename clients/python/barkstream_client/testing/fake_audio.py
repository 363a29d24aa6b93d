"""Deterministic sound: every character of a text is a tone of its own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from barkstream.v1 import audio_pb2
from barkstream_client.pcm import alaw_table, mulaw_table

CHARACTER_S = 0.02
LEVEL = 0.3
_LOWEST_HZ, _STEP_HZ, _STEPS = 200, 50, 40  # Whole periods in 20 ms: no clicks at the joints.

FloatArray = NDArray[np.float32]


def tone_of(character: str, sample_rate_hz: int) -> FloatArray:
    """20 ms of a character; white space is silent. [N] in [-1, 1]."""
    samples = round(CHARACTER_S * sample_rate_hz)
    if character.isspace():
        return np.zeros(samples, np.float32)
    hz = _LOWEST_HZ + _STEP_HZ * (ord(character) % _STEPS)
    return (LEVEL * np.sin(2 * np.pi * hz * np.arange(samples) / sample_rate_hz)).astype(np.float32)


def tones(text: str, sample_rate_hz: int) -> FloatArray:
    """The whole text, 20 ms a character. [N] in [-1, 1]."""
    parts = [tone_of(character, sample_rate_hz) for character in text]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def encode(pcm: FloatArray, encoding: int) -> bytes:
    """Samples as bytes, without headers."""
    match encoding:
        case audio_pb2.AUDIO_ENCODING_PCM_F32LE:
            return pcm.astype("<f4").tobytes()
        case audio_pb2.AUDIO_ENCODING_MULAW:
            return _nearest(pcm, mulaw_table())
        case audio_pb2.AUDIO_ENCODING_ALAW:
            return _nearest(pcm, alaw_table())
    return np.rint(pcm * 32767).astype("<i2").tobytes()


def _nearest(pcm: FloatArray, table: FloatArray) -> bytes:
    order = np.argsort(table, kind="stable")
    levels = table[order]
    borders = (levels[:-1] + levels[1:]) / 2
    codes = order[np.searchsorted(borders, pcm)].astype(np.uint8)
    return bytes(codes.data)


def wav_header(sample_rate_hz: int, data_bytes: int) -> bytes:
    """The 44 bytes before 16-bit mono samples."""

    def number(value: int, size: int) -> bytes:
        return min(value, (1 << 8 * size) - 1).to_bytes(size, "little")

    return b"".join(
        [
            b"RIFF",
            number(data_bytes + 36, 4),
            b"WAVEfmt ",
            number(16, 4),
            number(1, 2),
            number(1, 2),
            number(sample_rate_hz, 4),
            number(2 * sample_rate_hz, 4),
            number(2, 2),
            number(16, 2),
            b"data",
            number(data_bytes, 4),
        ]
    )

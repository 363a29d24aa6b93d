"""RIFF WAVE headers, 16-bit mono PCM."""

from __future__ import annotations

import struct

UNKNOWN_LENGTH = 0xFFFFFFFF
HEADER_BYTES = 44
_SAMPLE_BYTES = 2
_FORMAT_PCM, _CHANNELS = 1, 1


def wav_header(sample_rate_hz: int, sample_count: int | None) -> bytes:
    """The 44 bytes before the samples.

    Args:
        sample_rate_hz: Of the samples.
        sample_count: How many follow; None: unknown, as in a stream. Players then read to the end.
    """
    if sample_count is None:
        data_bytes = riff_bytes = UNKNOWN_LENGTH
    else:
        data_bytes = min(sample_count * _SAMPLE_BYTES, UNKNOWN_LENGTH)
        riff_bytes = min(data_bytes + HEADER_BYTES - 8, UNKNOWN_LENGTH)
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        riff_bytes,
        b"WAVE",
        b"fmt ",
        16,
        _FORMAT_PCM,
        _CHANNELS,
        sample_rate_hz,
        sample_rate_hz * _SAMPLE_BYTES,
        _SAMPLE_BYTES,
        8 * _SAMPLE_BYTES,
        b"data",
        data_bytes,
    )

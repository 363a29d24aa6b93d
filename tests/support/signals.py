"""Test signals, and how alike two of them are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


def tone(
    samples: int, *, hz: float = 440.0, rate_hz: int = 24_000, level: float = 0.5
) -> FloatArray:
    """A sine."""
    phase = 2 * np.pi * hz * np.arange(samples) / rate_hz
    return (level * np.sin(phase)).astype(np.float32)


def speech_like(samples: int, *, rate_hz: int = 24_000, seed: int = 0) -> FloatArray:
    """A voice-like buzz whose loudness and pitch move."""
    rng = np.random.default_rng(seed)
    t = np.arange(samples) / rate_hz
    pitch = 120 + 30 * np.sin(2 * np.pi * 1.3 * t + rng.uniform(0, 6))
    phase = 2 * np.pi * np.cumsum(pitch) / rate_hz
    buzz = sum(np.sin(k * phase) / k for k in range(1, 12))
    return (0.2 * buzz * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * t))).astype(np.float32)


def snr_db(wanted: FloatArray, got: FloatArray) -> float:
    """Signal to error, in dB."""
    error = np.sum(np.square(wanted.astype(np.float64) - got))
    return float(10 * np.log10(np.sum(np.square(wanted.astype(np.float64))) / max(error, 1e-30)))


def cut(signal: FloatArray, lengths: list[int]) -> list[FloatArray]:
    """Pieces of the given lengths, repeated until the signal is used up; 0 gives empty pieces."""
    pieces, position, turn = [], 0, 0
    while position < signal.size:
        length = lengths[turn % len(lengths)] if any(lengths) else signal.size
        pieces.append(signal[position : position + length])
        position += length
        turn += 1
    return pieces

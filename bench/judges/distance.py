"""How far apart two recordings of a sentence are, their timing aside.

Mel-cepstral distortion after dynamic time warping (Kubichek 1993, "Mel-cepstral distance measure
for objective speech quality assessment").
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_WINDOW, _HOP = 1024, 320
_MELS, _COEFFICIENTS = 40, 13
_TO_DECIBELS = 10.0 / np.log(10.0) * np.sqrt(2.0)


def mel_cepstral_distortion(
    first: NDArray[np.float32], second: NDArray[np.float32], rate_hz: int = 24_000
) -> float:
    """Decibels; 0 for the same recording. Loudness does not count."""
    a, b = _cepstra(first, rate_hz), _cepstra(second, rate_hz)
    apart = np.sqrt(((a[:, None] - b[None]) ** 2).sum(-1)) * _TO_DECIBELS
    return _warped_mean(apart)


def _cepstra(audio: NDArray[np.float32], rate_hz: int) -> FloatArray:
    """[T, 12] mel cepstral coefficients from the second on."""
    padded = np.pad(audio.astype(np.float64), (0, max(0, _WINDOW - len(audio))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(_WINDOW))) ** 2
    # A floor 80 dB below the loudest, lest silence decide.
    floor = max(float(power.max()) * 1e-8, 1e-12)
    magnitudes = 0.5 * np.log(np.maximum(power @ _mel_filters(rate_hz).T, floor))
    order = np.arange(1, _COEFFICIENTS)[:, None] * (np.arange(_MELS) + 0.5) * np.pi / _MELS
    return np.asarray(magnitudes @ np.cos(order).T / _MELS)


def _mel_filters(rate_hz: int) -> FloatArray:
    """[mels, bins] triangles."""
    top = 2595 * np.log10(1 + rate_hz / 2 / 700)
    corners_hz = 700 * (10 ** (np.linspace(0, top, _MELS + 2) / 2595) - 1)
    bins_hz = np.fft.rfftfreq(_WINDOW, 1 / rate_hz)
    low, middle, high = (corners_hz[i : i + _MELS, None] for i in range(3))
    rise, fall = (bins_hz - low) / (middle - low), (high - bins_hz) / (high - middle)
    return np.asarray(np.clip(np.minimum(rise, fall), 0, None))


def _warped_mean(apart: FloatArray) -> float:
    """Mean along the cheapest path from corner to corner."""
    rows, columns = apart.shape
    total = np.full((rows + 1, columns + 1), np.inf)
    steps = np.zeros((rows + 1, columns + 1))
    total[0, 0] = 0.0
    for i in range(1, rows + 1):
        for j in range(1, columns + 1):
            before = min(
                (total[i - 1, j - 1], i - 1, j - 1),
                (total[i - 1, j], i - 1, j),
                (total[i, j - 1], i, j - 1),
            )
            total[i, j] = before[0] + apart[i - 1, j - 1]
            steps[i, j] = steps[before[1], before[2]] + 1
    return float(total[rows, columns] / steps[rows, columns])

"""Log-mel frames of the codec's own rate, centred on the 320 samples each frame renders."""

import numpy as np

from training.teacher.source import FRAME, SAMPLE_RATE

N_FFT = 1024
BANDS = 80
_FLOOR = 1e-3


def mel_filters(bands: int = BANDS, n_fft: int = N_FFT, rate: int = SAMPLE_RATE) -> np.ndarray:
    """[bands, n_fft // 2 + 1] triangular filters, equally spaced on the HTK mel scale.

    Each has unit area in bins, so a band is the mean magnitude under its triangle.
    """
    top = 2595 * np.log10(1 + rate / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, bands + 2) / 2595) - 1)
    places = np.arange(n_fft // 2 + 1) * rate / n_fft
    rise = (places - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - places) / (edges[2:] - edges[1:-1])[:, None]
    filters = np.maximum(0.0, np.minimum(rise, fall))
    narrow = filters.sum(1) == 0  # below one bin: take the nearest
    nearest = np.abs(places[None] - edges[1:-1, None]).argmin(1)
    filters[narrow, nearest[narrow]] = 1.0
    return np.asarray(filters / filters.sum(1, keepdims=True), np.float32)


def log_mel(audio: np.ndarray) -> np.ndarray:
    """Natural logarithms of mel magnitudes.

    Args:
        audio: [samples] int16, or float in -1..1.

    Returns:
        [samples // 320, 80] float32; frame t is centred on sample 320 t + 160.
    """
    signal = audio.astype(np.float32) / (32768 if audio.dtype == np.int16 else 1)
    frames = len(signal) // FRAME
    before = (N_FFT - FRAME) // 2
    padded = np.pad(signal, (before, N_FFT))
    pieces = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[: frames * FRAME : FRAME]
    window = np.hanning(N_FFT + 1)[:-1].astype(np.float32)
    magnitude = np.abs(np.fft.rfft(pieces * window, axis=1)).astype(np.float32)
    return np.asarray(np.log(magnitude @ mel_filters().T + _FLOOR * N_FFT / 4), np.float32)

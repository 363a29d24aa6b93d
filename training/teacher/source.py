"""The teacher's voice source, made by us so that its phase is a function of the pitch alone.

Kokoro excites its vocoder with nine harmonics of F0. Left alone, their phase runs on through the
whole utterance, so a codec would have to spend most of its bits on where in its cycle the voice
happens to be, and a language model would have to guess them. Here

* F0 is held on a grid of `LEVELS_PER_OCTAVE`, constant within a codec frame, with hysteresis, so
  that a codec token can name it exactly;
* every voiced stretch starts at phase zero.

The waveform of voiced speech is then determined by the sequence of pitch tokens since the onset:
a decoder with a memory can follow it, and a regression on the waveform makes sense.
"""

import numpy as np

SAMPLE_RATE = 24_000
FRAME = 320  # samples of a codec frame: 75 Hz
PITCH_FRAME = 300  # samples of a teacher pitch frame: 80 Hz

LOWEST_HZ = 60.0
LEVELS_PER_OCTAVE = 36
LEVELS = 88  # up to 320 Hz
UNVOICED = -1
_VOICED_ABOVE_HZ = 50.0
_HYSTERESIS = 0.7  # of a level; 0.5 would be plain rounding

N_FFT, HOP = 20, 5  # the teacher's short transforms
BINS = N_FFT // 2 + 1


def level_hz(levels: np.ndarray) -> np.ndarray:
    """Pitch in Hz of grid levels, 0 where `UNVOICED`; any shape."""
    hertz = LOWEST_HZ * np.exp2(np.asarray(levels, np.float64) / LEVELS_PER_OCTAVE)
    return np.where(np.asarray(levels) == UNVOICED, 0.0, hertz)


def pitch_levels(f0_hz: np.ndarray) -> np.ndarray:
    """Grid levels of every codec frame.

    Args:
        f0_hz: [P] pitch at 80 Hz, below 50 where unvoiced.

    Returns:
        [ceil(300 P / 320)] int8 levels, `UNVOICED` where there is no voice.
    """
    frames = -(-len(f0_hz) * PITCH_FRAME // FRAME)
    centres = (np.arange(frames) + 0.5) * FRAME / PITCH_FRAME - 0.5
    nearest = np.clip(np.round(centres).astype(int), 0, len(f0_hz) - 1)
    voiced = f0_hz[nearest] > _VOICED_ABOVE_HZ
    low = np.clip(np.floor(centres).astype(int), 0, len(f0_hz) - 1)
    high = np.minimum(low + 1, len(f0_hz) - 1)
    both = (f0_hz[low] > _VOICED_ABOVE_HZ) & (f0_hz[high] > _VOICED_ABOVE_HZ)
    mixed = f0_hz[low] + (f0_hz[high] - f0_hz[low]) * np.clip(centres - low, 0.0, 1.0)
    hertz = np.where(both, mixed, f0_hz[nearest])
    exact = LEVELS_PER_OCTAVE * np.log2(np.maximum(hertz, _VOICED_ABOVE_HZ) / LOWEST_HZ)
    exact = np.clip(exact, 0, LEVELS - 1)
    levels = np.full(frames, UNVOICED, np.int8)
    held = UNVOICED
    for index in range(frames):
        if not voiced[index]:
            held = UNVOICED
        elif held == UNVOICED or abs(exact[index] - held) > _HYSTERESIS:
            held = int(np.round(exact[index]))
        levels[index] = held
    return levels


def harmonic_source(
    levels: np.ndarray, samples: int, weights: np.ndarray, bias: float
) -> np.ndarray:
    """The excitation signal of pitch levels.

    Args:
        levels: [frames] of `pitch_levels`.
        samples: length wanted.
        weights: [harmonics] the teacher's mix of harmonics.
        bias: of that mix.

    Returns:
        [samples] float32.
    """
    hertz = np.repeat(level_hz(levels), FRAME)[:samples]
    hertz = np.pad(hertz, (0, samples - len(hertz)))
    voiced = hertz > 0
    cycles = np.cumsum(hertz / SAMPLE_RATE)
    onset = voiced & ~np.concatenate([[False], voiced[:-1]])
    start = np.maximum.accumulate(np.where(onset, cycles, 0.0))
    angle = 2 * np.pi * (cycles - start)
    numbers = np.arange(1, len(weights) + 1)
    sines = 0.1 * np.sin(angle[:, None] * numbers) * voiced[:, None]
    return np.asarray(np.tanh(sines @ weights + bias), np.float32)


def _window() -> np.ndarray:
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)


def analyse(signal: np.ndarray) -> np.ndarray:
    """[1, 22, frames] magnitudes over phases, as the teacher's back network takes its source."""
    padded = np.pad(signal, N_FFT // 2, mode="reflect")
    pieces = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP]
    spectrum = np.fft.rfft(pieces * _window(), axis=1).T
    return np.concatenate([np.abs(spectrum), np.angle(spectrum)])[None].astype(np.float32)


def synthesise(last: np.ndarray) -> np.ndarray:
    """Audio of the back network's output.

    Args:
        last: [1, 22, frames] log magnitudes over arguments of the phase.

    Returns:
        [5 (frames - 1)] float32 samples.
    """
    values = last[0].astype(np.float64)
    spectrum = np.exp(values[:BINS]) * np.exp(1j * np.sin(values[BINS:]))
    window = _window()
    pieces = np.fft.irfft(spectrum.T, N_FFT, axis=1) * window
    frames = len(pieces)
    total = np.zeros(HOP * (frames + N_FFT // HOP - 1))
    for part in range(N_FFT // HOP):  # the four hops of a piece, added as whole rows
        span = slice(part * HOP, part * HOP + frames * HOP)
        columns = slice(part * HOP, (part + 1) * HOP)
        total[span] += pieces[:, columns].ravel()
    middle = slice(N_FFT // 2, N_FFT // 2 + HOP * (frames - 1))
    return np.asarray(total[middle], np.float32)  # unnormalised, as in the export: 1.5 x istft

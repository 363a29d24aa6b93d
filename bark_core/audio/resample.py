"""Streaming change of the sample rate."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import soxr

from bark_core.audio.pcm import FloatArray


class Resampler(Protocol):
    """Changes the sample rate of a stream."""

    def feed(self, pcm: FloatArray) -> FloatArray:
        """The output that is ready. [N] -> [M]."""

    def drain(self) -> FloatArray:
        """The rest of what was fed; the next sample starts afresh, as after silence."""


class SameRate:
    """The rate is right already."""

    def feed(self, pcm: FloatArray) -> FloatArray:
        """The samples as they are."""
        return pcm

    def drain(self) -> FloatArray:
        """Nothing was held back."""
        return np.zeros(0, np.float32)


class SoxrResampler:
    """libsoxr's band-limited resampler, HQ (20 bits).

    Its delay is compensated: output sample ``i`` belongs to the time of input sample
    ``i * source / target``, and draining brings the total to exactly
    ``round(fed * target / source)``, halves rounded up.
    """

    def __init__(self, source_rate_hz: int, target_rate_hz: int) -> None:
        self._source_rate_hz = source_rate_hz
        self._target_rate_hz = target_rate_hz
        self._stream = soxr.ResampleStream(source_rate_hz, target_rate_hz, 1, dtype="float32")
        self._fed = 0
        self._made = 0

    def feed(self, pcm: FloatArray) -> FloatArray:
        """The output that is ready; some 20 to 80 ms are held back for the filter."""
        self._fed += pcm.size
        out: FloatArray = self._stream.resample_chunk(pcm)
        self._made += out.size
        return out

    def drain(self) -> FloatArray:
        """The rest of what was fed."""
        if not self._fed:
            return np.zeros(0, np.float32)
        out: FloatArray = self._stream.resample_chunk(np.zeros(0, np.float32), last=True)
        total = (2 * self._fed * self._target_rate_hz + self._source_rate_hz) // (
            2 * self._source_rate_hz
        )
        rest = total - self._made
        # libsoxr rounds a half down now and then.
        out = np.pad(out, (0, max(0, rest - out.size)))[:rest]
        self._stream.clear()
        self._fed = self._made = 0
        return out


def create_resampler(source_rate_hz: int, target_rate_hz: int) -> Resampler:
    """The resampler between two rates."""
    if source_rate_hz == target_rate_hz:
        return SameRate()
    return SoxrResampler(source_rate_hz, target_rate_hz)

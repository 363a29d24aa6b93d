"""How good it sounds, by DNSMOS."""

from __future__ import annotations

import numpy as np
import soxr
from numpy.typing import NDArray
from speechmos import dnsmos

_RATE_HZ = 16_000
_PEAK = 0.7


def overall_opinion(audio: NDArray[np.float32], rate_hz: int = 24_000) -> float:
    """DNSMOS overall score, 1 to 5, of audio brought to a common level."""
    heard = soxr.resample(audio, rate_hz, _RATE_HZ).astype(np.float64)
    heard = heard / max(1e-3, float(np.abs(heard).max())) * _PEAK
    return float(dnsmos.run(heard, _RATE_HZ)["ovrl_mos"])

"""A history prompt of random tokens. Imports no torch, whose memory would count as barkstream's."""

from __future__ import annotations

import numpy as np

from bark_core.voices import Voice


def random_voice(seed: int = 0) -> Voice:
    """A full history prompt: 350 semantic tokens, 526 frames."""
    rng = np.random.default_rng(seed)
    fine = rng.integers(0, 1024, size=(8, 526))
    return Voice(semantic=rng.integers(0, 10_000, size=350), coarse=fine[:2].copy(), fine=fine)

"""The fake's codec: every frame is a sine whose pitch depends on the frame's codes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from bark_core.backends.base import CodecRow, FloatArray, IntArray
from bark_core.config import CodecConfig

AMPLITUDE = 0.25
LOWEST_HZ = 200.0
STEP_HZ = 25.0
PITCHES = 16


@dataclass(slots=True, eq=False)
class ToneState:
    """Codec state of a slot.

    Attributes:
        waiting: Frames held back until the decoder has its look-ahead.
        frames: Frames turned into audio.
        phase: Of the oscillator, in turns: the tone goes on without clicks.
    """

    waiting: list[IntArray] = field(default_factory=list)
    frames: int = 0
    phase: float = 0.0


def decode(config: CodecConfig, state: ToneState, row: CodecRow) -> FloatArray:
    """The next samples. Like EnCodec it starts once ``kernel_size`` frames exist. -> [N]."""
    state.waiting.extend(row.codes.T)
    if state.frames == 0 and len(state.waiting) < config.kernel_size and not row.final:
        return np.zeros(0, np.float32)
    ramp = np.arange(config.hop_samples) / config.sample_rate_hz
    pieces = [np.zeros(0)]
    for codes in state.waiting:
        pitch_hz = LOWEST_HZ + STEP_HZ * (int(codes.sum()) % PITCHES)
        pieces.append(AMPLITUDE * np.sin(2 * np.pi * (state.phase + pitch_hz * ramp)))
        state.phase = (state.phase + pitch_hz * config.hop_samples / config.sample_rate_hz) % 1.0
        state.frames += 1
    state.waiting.clear()
    return np.concatenate(pieces).astype(np.float32)

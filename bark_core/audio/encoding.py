"""Forms that audio can take, and which of them are offered."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from bark_core.errors import AudioFormatError

MIN_SAMPLE_RATE_HZ, MAX_SAMPLE_RATE_HZ = 8_000, 48_000
MIN_CHUNK_S, MAX_CHUNK_S = 0.01, 2.0
OPUS_SAMPLE_RATES_HZ = (8_000, 12_000, 16_000, 24_000, 48_000)


class Encoding(Enum):
    """How samples are packed into bytes. All are mono."""

    PCM_S16LE = "pcm_s16le"
    PCM_F32LE = "pcm_f32le"
    MULAW = "mulaw"
    ALAW = "alaw"
    WAV = "wav"
    OGG_OPUS = "ogg_opus"


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """A wanted form of the audio.

    Attributes:
        encoding: How samples are packed.
        sample_rate_hz: 8000 to 48000; for Opus one of 8000, 12000, 16000, 24000, 48000.
        chunk_s: Length of a chunk, 0.01 to 2; None makes a chunk of whatever comes.
    """

    encoding: Encoding
    sample_rate_hz: int
    chunk_s: float | None = None

    def __post_init__(self) -> None:
        """Check what is offered; raises AudioFormatError."""
        rate = self.sample_rate_hz
        if not MIN_SAMPLE_RATE_HZ <= rate <= MAX_SAMPLE_RATE_HZ:
            raise AudioFormatError(
                f"sample_rate_hz must be between {MIN_SAMPLE_RATE_HZ} and {MAX_SAMPLE_RATE_HZ}, "
                f"got {rate}",
                field="sample_rate_hz",
            )
        if self.encoding is Encoding.OGG_OPUS and rate not in OPUS_SAMPLE_RATES_HZ:
            offered = ", ".join(str(offer) for offer in OPUS_SAMPLE_RATES_HZ)
            raise AudioFormatError(
                f"Opus knows the sample rates {offered} Hz, not {rate}; take one of them or "
                "another encoding",
                field="sample_rate_hz",
            )
        chunk_s = self.chunk_s
        if chunk_s is not None and not (
            math.isfinite(chunk_s) and MIN_CHUNK_S <= chunk_s <= MAX_CHUNK_S
        ):
            raise AudioFormatError(
                f"chunks must be {MIN_CHUNK_S} to {MAX_CHUNK_S} s long, got {chunk_s} s",
                field="chunk_duration",
            )

    @property
    def chunk_samples(self) -> int | None:
        """Length of a chunk in samples, or None."""
        return None if self.chunk_s is None else round(self.chunk_s * self.sample_rate_hz)

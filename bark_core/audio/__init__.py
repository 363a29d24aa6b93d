"""Samples to bytes: encodings, sample rates, chunks. Sans-I/O, without torch."""

from bark_core.audio.chunker import Chunker
from bark_core.audio.encoder import AudioEncoder, EncodedChunk, encode_all
from bark_core.audio.encoding import (
    MAX_SAMPLE_RATE_HZ,
    MIN_SAMPLE_RATE_HZ,
    OPUS_SAMPLE_RATES_HZ,
    AudioFormat,
    Encoding,
)
from bark_core.audio.resample import create_resampler
from bark_core.audio.wav import wav_header

__all__ = [
    "MAX_SAMPLE_RATE_HZ",
    "MIN_SAMPLE_RATE_HZ",
    "OPUS_SAMPLE_RATES_HZ",
    "AudioEncoder",
    "AudioFormat",
    "Chunker",
    "EncodedChunk",
    "Encoding",
    "create_resampler",
    "encode_all",
    "wav_header",
]

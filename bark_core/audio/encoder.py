"""Float samples in, chunks of bytes out. Sans-I/O; one encoder for each stream."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from bark_core.audio.chunker import Chunker
from bark_core.audio.encoding import AudioFormat, Encoding
from bark_core.audio.g711 import encode_alaw, encode_mulaw
from bark_core.audio.opus import OggOpusWriter
from bark_core.audio.pcm import FloatArray, encode_f32le, encode_s16le
from bark_core.audio.resample import create_resampler
from bark_core.audio.wav import wav_header
from bark_core.errors import EngineFailureError

_SAMPLE_ENCODERS = {
    Encoding.PCM_S16LE: encode_s16le,
    Encoding.PCM_F32LE: encode_f32le,
    Encoding.MULAW: encode_mulaw,
    Encoding.ALAW: encode_alaw,
    Encoding.WAV: encode_s16le,
}


@dataclass(frozen=True, slots=True)
class EncodedChunk:
    """A piece of encoded audio.

    Attributes:
        data: Bytes of whole samples; for containers whatever the samples so far led to.
        start_sample: Position of the first sample in the stream, at the format's rate.
        sample_count: Samples in ``data``; for containers those encoded since the last chunk.
    """

    data: bytes
    start_sample: int
    sample_count: int


class AudioEncoder:
    """Resamples, cuts and encodes one stream.

    What comes out does not depend on how the input was cut: without ``chunk_s`` the joined bytes
    are the same, with it the chunks are.

    Args:
        fmt: The wanted form.
        source_rate_hz: Sample rate of what is fed.
    """

    def __init__(self, fmt: AudioFormat, source_rate_hz: int) -> None:
        self.format = fmt
        self._resampler = create_resampler(source_rate_hz, fmt.sample_rate_hz)
        self._chunker = Chunker(fmt.chunk_samples)
        self._packer = _create_packer(fmt)
        self._position = 0
        self._pending = False  # Something was fed since the last flush.
        self._unsent = 0  # Samples encoded for which the container gave no bytes yet.

    def feed(self, pcm: FloatArray) -> list[EncodedChunk]:
        """The chunks that are complete. float32 [N]; what exceeds [-1, 1] is clipped.

        Raises:
            EngineFailureError: A sample is not a finite number.
        """
        if not np.isfinite(pcm).all():
            raise EngineFailureError(
                "the model made samples that are not finite numbers; its weights or its precision "
                "are at fault",
                reason="AUDIO_NOT_FINITE",
            )
        self._pending = self._pending or pcm.size > 0
        return self._pack(self._chunker.feed(self._resampler.feed(pcm)))

    def flush(self) -> list[EncodedChunk]:
        """All that was fed, at once; the stream goes on.

        For places where it pauses (the end of an utterance): the resampler starts afresh, the
        last chunk may be short, and Opus is filled up with some 30 to 50 ms of silence, which
        count. Without new samples since the last flush nothing happens.
        """
        if not self._pending:
            return []
        self._pending = False
        parts = self._chunker.feed(self._resampler.drain()) + self._chunker.drain()
        chunks = self._pack(parts)
        filling = self._packer.samples_to_flush
        return chunks + self._pack([np.zeros(filling, np.float32)] if filling else [])

    def finish(self) -> list[EncodedChunk]:
        """The rest. The encoder is of no further use."""
        parts = self._chunker.feed(self._resampler.drain()) + self._chunker.drain()
        chunks = self._pack(parts)
        tail = self._packer.finish()
        if tail:
            chunks.append(EncodedChunk(tail, self._position - self._unsent, self._unsent))
        return chunks

    def _pack(self, parts: list[FloatArray]) -> list[EncodedChunk]:
        chunks = []
        for part in parts:
            data = self._packer.feed(part)
            self._position += part.size
            self._unsent += part.size
            if data:
                chunks.append(EncodedChunk(data, self._position - self._unsent, self._unsent))
                self._unsent = 0
        return chunks


def encode_all(fmt: AudioFormat, source_rate_hz: int, pcm: FloatArray) -> bytes:
    """A whole recording; a WAV header tells its true length. float32 [N]."""
    if fmt.encoding is Encoding.WAV:
        samples = encode_all(replace(fmt, encoding=Encoding.PCM_S16LE), source_rate_hz, pcm)
        return wav_header(fmt.sample_rate_hz, len(samples) // 2) + samples
    encoder = AudioEncoder(replace(fmt, chunk_s=None), source_rate_hz)
    return b"".join(chunk.data for chunk in [*encoder.feed(pcm), *encoder.finish()])


class _Packer(Protocol):
    """Samples to bytes."""

    @property
    def samples_to_flush(self) -> int:
        """Silence that pushes out everything fed."""

    def feed(self, pcm: FloatArray) -> bytes:
        """Bytes that are ready."""

    def finish(self) -> bytes:
        """The last bytes."""


class _SamplePacker:
    """Every sample by itself, perhaps behind a header."""

    samples_to_flush = 0

    def __init__(self, encoding: Encoding, header: bytes) -> None:
        self._encode = _SAMPLE_ENCODERS[encoding]
        self._header = header

    def feed(self, pcm: FloatArray) -> bytes:
        header, self._header = self._header, b""
        return header + self._encode(pcm)

    def finish(self) -> bytes:
        return self._header  # A WAV of no samples is still a WAV.


def _create_packer(fmt: AudioFormat) -> _Packer:
    if fmt.encoding is Encoding.OGG_OPUS:
        return OggOpusWriter(fmt.sample_rate_hz)
    header = wav_header(fmt.sample_rate_hz, None) if fmt.encoding is Encoding.WAV else b""
    return _SamplePacker(fmt.encoding, header)

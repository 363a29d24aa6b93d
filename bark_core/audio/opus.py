"""Opus in Ogg pages, by FFmpeg's libopus wrapper and Ogg muxer (PyAV).

RFC 6716 (Opus), RFC 7845 (Ogg encapsulation). The muxer writes the pre-skip into the header and
trims the last page's granule position, so a decoder gives back exactly the samples put in.
"""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
from av.audio.stream import AudioStream
from av.error import FFmpegError

from bark_core.audio.pcm import FloatArray
from bark_core.errors import EngineFailureError, MissingDependencyError

FRAME_S = 0.02
LOOKAHEAD_S = 312 / 48_000  # The pre-skip: by so much the decoded signal is late.
BIT_RATE = 48_000  # Transparent for mono speech, also from poor voices.
# A page for every frame, and no random serial number: the same speech gives the same bytes.
_MUXER_OPTIONS = {"page_duration": "20000", "flush_packets": "1", "fflags": "+bitexact"}
# "voip" would filter the lows, against the hum of microphones, and turn the phases.
_ENCODER_OPTIONS = {"application": "audio", "frame_duration": "20"}


class _Sink:
    """The file that the muxer writes into; it cannot seek, like a socket."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def write(self, data: bytes) -> int:
        self._bytes += data
        return len(data)

    def take(self) -> bytes:
        taken, self._bytes = bytes(self._bytes), bytearray()
        return taken


class OggOpusWriter:
    """Encodes a stream of samples. Pages come some 30 ms after their first sample went in.

    Args:
        sample_rate_hz: 8000, 12000, 16000, 24000 or 48000.

    Raises:
        MissingDependencyError: FFmpeg was built without libopus.
    """

    def __init__(self, sample_rate_hz: int) -> None:
        self._sample_rate_hz = sample_rate_hz
        self._frame_samples = round(FRAME_S * sample_rate_hz)
        self._rest = np.zeros(0, np.float32)  # [< frame_samples]
        self._position = 0
        self._sink = _Sink()
        self._container = av.open(self._sink, "w", format="ogg", options=_MUXER_OPTIONS)
        self._stream = self._add_stream()
        self._container.start_encoding()

    def feed(self, pcm: FloatArray) -> bytes:
        """The pages that are complete. float32 [N], clipped to [-1, 1]."""
        joined = np.concatenate((self._rest, pcm))
        end = joined.size - joined.size % self._frame_samples
        for start in range(0, end, self._frame_samples):
            self._encode(joined[start : start + self._frame_samples])
        self._rest = joined[end:].copy()
        return self._sink.take()

    @property
    def samples_to_flush(self) -> int:
        """Silence that pushes out everything fed.

        The encoder looks ahead, takes whole frames, and the muxer holds one of them back.
        """
        behind = round(LOOKAHEAD_S * self._sample_rate_hz)
        return behind - (self._rest.size + behind) % -self._frame_samples + self._frame_samples

    def finish(self) -> bytes:
        """The last pages."""
        if self._rest.size:
            self._encode(self._rest)
        self._encode(None)
        self._container.close()
        return self._sink.take()

    def _add_stream(self) -> AudioStream:
        try:
            stream = self._container.add_stream("libopus", rate=self._sample_rate_hz)
        except (FFmpegError, ValueError) as error:
            raise MissingDependencyError(
                "this build of PyAV has no libopus; install the wheel: pip install 'av>=14'"
            ) from error
        stream.codec_context.layout = "mono"
        stream.codec_context.format = "flt"
        stream.codec_context.bit_rate = BIT_RATE
        stream.codec_context.options = _ENCODER_OPTIONS
        return stream

    def _encode(self, pcm: FloatArray | None) -> None:
        frame = None
        if pcm is not None:
            frame = av.AudioFrame.from_ndarray(
                np.clip(pcm, -1.0, 1.0)[None, :], format="flt", layout="mono"
            )
            frame.sample_rate = self._sample_rate_hz
            frame.time_base = Fraction(1, self._sample_rate_hz)
            frame.pts = self._position
            self._position += pcm.size
        try:
            for packet in self._stream.encode(frame):
                self._container.mux(packet)
        except FFmpegError as error:
            raise EngineFailureError(f"the Opus encoder failed: {error}") from error

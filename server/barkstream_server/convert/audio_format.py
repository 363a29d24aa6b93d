"""AudioFormat messages to and from the engine's own."""

from __future__ import annotations

from bark_core.audio import AudioFormat, Encoding
from bark_core.errors import AudioFormatError
from barkstream.v1 import audio_pb2
from barkstream_server.convert.durations import duration_of, seconds_of

_ENCODINGS = {
    audio_pb2.AUDIO_ENCODING_UNSPECIFIED: Encoding.PCM_S16LE,
    audio_pb2.AUDIO_ENCODING_PCM_S16LE: Encoding.PCM_S16LE,
    audio_pb2.AUDIO_ENCODING_PCM_F32LE: Encoding.PCM_F32LE,
    audio_pb2.AUDIO_ENCODING_MULAW: Encoding.MULAW,
    audio_pb2.AUDIO_ENCODING_ALAW: Encoding.ALAW,
    audio_pb2.AUDIO_ENCODING_WAV: Encoding.WAV,
    audio_pb2.AUDIO_ENCODING_OGG_OPUS: Encoding.OGG_OPUS,
}
_MESSAGES = {encoding: number for number, encoding in _ENCODINGS.items() if number}


def audio_format_of(
    message: audio_pb2.AudioFormat, path: str, *, native_rate_hz: int
) -> AudioFormat:
    """The format a caller wants, defaults filled in.

    Args:
        message: As received.
        path: Where it sits in the request, such as "config.audio_format".
        native_rate_hz: The model's own sample rate.

    Raises:
        AudioFormatError: An encoding or sample rate that is not offered.
        OptionError: A chunk duration out of range.
    """
    encoding = _encoding(message.encoding, f"{path}.encoding")
    chunk_s = None
    if message.HasField("chunk_duration"):
        chunk_s = seconds_of(message.chunk_duration, f"{path}.chunk_duration", low_s=0.01, high_s=2)
    try:
        return AudioFormat(encoding, message.sample_rate_hz or native_rate_hz, chunk_s)
    except AudioFormatError as error:
        raise AudioFormatError(error.message, field=f"{path}.{error.field}") from error


def audio_format_message(audio_format: AudioFormat) -> audio_pb2.AudioFormat:
    """The format in effect."""
    message = audio_pb2.AudioFormat(
        encoding=_MESSAGES[audio_format.encoding],
        sample_rate_hz=audio_format.sample_rate_hz,
    )
    if audio_format.chunk_s is not None:
        message.chunk_duration.CopyFrom(duration_of(audio_format.chunk_s))
    return message


def _encoding(value: int, field: str) -> Encoding:
    for number, encoding in _ENCODINGS.items():
        if number == value:
            return encoding
    raise AudioFormatError(f"this server knows no audio encoding {value}", field=field)

"""Samples to bytes and back: PCM, G.711, WAV."""

from __future__ import annotations

import hashlib
import io
import wave

import numpy as np
import pytest

from bark_core.audio import (
    AudioEncoder,
    AudioFormat,
    Encoding,
    create_resampler,
    encode_all,
    wav_header,
)
from bark_core.errors import AudioFormatError, EngineFailureError
from tests.support.signals import FloatArray, snr_db, speech_like

RATE_HZ = 24_000


def encode(encoding: Encoding, pcm: FloatArray) -> bytes:
    return encode_all(AudioFormat(encoding, RATE_HZ), RATE_HZ, pcm)


def floats(*values: float) -> FloatArray:
    return np.array(values, np.float32)


def test_s16_is_clipped_not_wrapped_and_rounded_to_nearest() -> None:
    data = encode(Encoding.PCM_S16LE, floats(0, 1, -1, 1.5, -7, 0.5, 1.6 / 32768, -1.4 / 32768))
    assert np.frombuffer(data, "<i2").tolist() == [0, 32767, -32768, 32767, -32768, 16384, 2, -1]


def test_what_is_too_loud_is_clipped_after_resampling_too() -> None:
    square = np.sign(speech_like(4_800)).astype(np.float32)
    resampler = create_resampler(RATE_HZ, 16_000)
    wanted = np.concatenate([resampler.feed(square), resampler.drain()])
    assert np.abs(wanted).max() > 1.1  # It overshoots the edges.
    for encoding, kind, scale in [
        (Encoding.PCM_S16LE, "<i2", 1 << 15),
        (Encoding.PCM_F32LE, "<f4", 1),
    ]:
        data = encode_all(AudioFormat(encoding, 16_000), RATE_HZ, square)
        assert np.abs(np.frombuffer(data, kind) / scale - wanted.clip(-1, 1)).max() < 1e-4


def test_f32_is_clipped() -> None:
    data = encode(Encoding.PCM_F32LE, floats(0.25, 1.5, -2))
    assert np.frombuffer(data, "<f4").tolist() == [0.25, 1.0, -1.0]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("encoding", Encoding)
def test_samples_that_are_not_finite_are_refused(encoding: Encoding, bad: float) -> None:
    encoder = AudioEncoder(AudioFormat(encoding, 16_000), RATE_HZ)
    with pytest.raises(EngineFailureError, match="not finite") as caught:
        encoder.feed(floats(0, bad, 0))
    assert caught.value.reason == "AUDIO_NOT_FINITE"


# SHA-256 of CPython 3.11's audioop.lin2ulaw / lin2alaw over all 16-bit samples, 0 first.
G711_DIGESTS = {
    Encoding.MULAW: "617fa4850d68d3906597e949f7625fb2fc46db479e29707f33159b3d131721cb",
    Encoding.ALAW: "f77c76aa923ee25617453f87514828a12896227f82ff383bf3bb53d6ac7c2a0f",
}


@pytest.mark.parametrize("encoding", G711_DIGESTS)
def test_g711_equals_audioop_for_every_sample(encoding: Encoding) -> None:
    every = np.arange(1 << 16, dtype=np.uint16).view(np.int16)
    data = encode(encoding, (every / 32768).astype(np.float32))
    assert hashlib.sha256(data).hexdigest() == G711_DIGESTS[encoding]


# ITU-T G.711 (1988): code words (sign bit first) at the ends and in the middle of the tables.
@pytest.mark.parametrize(
    ("encoding", "linear_16_bit", "code"),
    [
        (Encoding.MULAW, 0, 0xFF),
        (Encoding.MULAW, 32124, 0x80),
        (Encoding.MULAW, -32124, 0x00),
        (Encoding.MULAW, 32767, 0x80),
        (Encoding.MULAW, 8 * 4, 0xFB),
        (Encoding.ALAW, 8, 0xD5),
        (Encoding.ALAW, -8, 0x55),
        (Encoding.ALAW, 32256, 0xAA),
        (Encoding.ALAW, -32256, 0x2A),
        (Encoding.ALAW, 32767, 0xAA),
    ],
)
def test_g711_code_words(encoding: Encoding, linear_16_bit: int, code: int) -> None:
    assert encode(encoding, floats(linear_16_bit / 32768))[0] == code


def test_wav_of_a_whole_recording_tells_its_length() -> None:
    pcm = speech_like(12_345)
    data = encode(Encoding.WAV, pcm)
    with wave.open(io.BytesIO(data)) as reader:
        assert (reader.getframerate(), reader.getnchannels(), reader.getsampwidth()) == (
            24000,
            1,
            2,
        )
        assert reader.getnframes() == 12_345
        samples = np.frombuffer(reader.readframes(12_345), "<i2").astype(np.float32)
    assert int.from_bytes(data[4:8], "little") == len(data) - 8
    assert snr_db(pcm * np.float32(32768), samples) > 70


def test_wav_stream_has_one_header_of_unknown_length() -> None:
    encoder = AudioEncoder(AudioFormat(Encoding.WAV, RATE_HZ), RATE_HZ)
    chunks = encoder.feed(speech_like(100)) + encoder.feed(speech_like(50)) + encoder.finish()
    data = b"".join(chunk.data for chunk in chunks)
    assert data[:44] == wav_header(RATE_HZ, None)
    assert data[4:8] == data[40:44] == b"\xff\xff\xff\xff"
    assert len(data) == 44 + 2 * 150
    assert [(chunk.start_sample, chunk.sample_count) for chunk in chunks] == [(0, 100), (100, 50)]


def test_wav_of_nothing_is_a_wav() -> None:
    assert encode(Encoding.WAV, floats()) == wav_header(RATE_HZ, 0)
    chunks = AudioEncoder(AudioFormat(Encoding.WAV, RATE_HZ), RATE_HZ).finish()
    assert [chunk.data for chunk in chunks] == [wav_header(RATE_HZ, None)]


def test_longer_wavs_than_the_format_can_tell_do_not_overflow() -> None:
    assert wav_header(48_000, 1 << 33)[40:44] == b"\xff\xff\xff\xff"


@pytest.mark.parametrize(
    ("encoding", "rate_hz", "chunk_s", "field", "offer"),
    [
        (Encoding.PCM_S16LE, 7_999, None, "sample_rate_hz", "8000"),
        (Encoding.PCM_S16LE, 48_001, None, "sample_rate_hz", "48000"),
        (Encoding.PCM_S16LE, -24_000, None, "sample_rate_hz", "8000"),
        (Encoding.OGG_OPUS, 22_050, None, "sample_rate_hz", "8000, 12000, 16000, 24000, 48000"),
        (Encoding.WAV, 24_000, 0.009, "chunk_duration", "0.01"),
        (Encoding.WAV, 24_000, 2.01, "chunk_duration", "2.0"),
        (Encoding.WAV, 24_000, float("nan"), "chunk_duration", "0.01"),
    ],
)
def test_what_is_not_offered_is_refused_with_what_is(
    encoding: Encoding, rate_hz: int, chunk_s: float | None, field: str, offer: str
) -> None:
    with pytest.raises(AudioFormatError, match=offer) as caught:
        AudioFormat(encoding, rate_hz, chunk_s)
    assert caught.value.field == field

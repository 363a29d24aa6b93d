"""Ogg Opus: decodes back to what was put in, and soon."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest

from bark_core.audio import OPUS_SAMPLE_RATES_HZ, AudioEncoder, AudioFormat, Encoding, encode_all
from tests.support.signals import FloatArray, cut, snr_db, speech_like

RATE_HZ = 24_000
DECODER_RATE_HZ = 48_000  # Of every Opus decoder.


def decode(data: bytes) -> FloatArray:
    with av.open(io.BytesIO(data), "r") as container:
        frames = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
    return np.concatenate(frames).astype(np.float32)


def pages(data: bytes) -> list[tuple[int, int]]:
    """(flags, granule position) of each page. RFC 3533, section 6."""
    found = []
    while data:
        assert data[:4] == b"OggS"
        segments = data[26]
        length = 27 + segments + sum(data[27 : 27 + segments])
        found.append((data[5], int.from_bytes(data[6:14], "little")))
        data = data[length:]
    return found


def resampled(pcm: FloatArray, rate_hz: int) -> FloatArray:
    raw = encode_all(AudioFormat(Encoding.PCM_F32LE, rate_hz), RATE_HZ, pcm)
    return np.frombuffer(raw, "<f4").astype(np.float32)


@pytest.mark.parametrize("rate_hz", OPUS_SAMPLE_RATES_HZ)
def test_decodes_to_the_same_speech_of_the_same_length(rate_hz: int) -> None:
    pcm = speech_like(30_011)
    data = encode_all(AudioFormat(Encoding.OGG_OPUS, rate_hz), RATE_HZ, pcm)
    got = decode(data)
    put_in = resampled(pcm, rate_hz).size
    assert got.size == put_in * DECODER_RATE_HZ // rate_hz
    # Opus keeps the waveform well enough to see that nothing is late, lost or upside down.
    reference = encode_all(
        AudioFormat(Encoding.PCM_F32LE, DECODER_RATE_HZ), rate_hz, resampled(pcm, rate_hz)
    )
    wanted = np.frombuffer(reference, "<f4").astype(np.float32)
    assert snr_db(wanted[: got.size], got) > 20


def test_pages_come_early_and_are_well_formed() -> None:
    encoder = AudioEncoder(AudioFormat(Encoding.OGG_OPUS, RATE_HZ), RATE_HZ)
    chunks = [encoder.feed(piece) for piece in cut(speech_like(24_000), [480])]
    # The headers come with the first frame, its page with the second or third.
    assert [bool(chunk) for chunk in chunks[:3]] == [True, True, True]
    early = b"".join(chunk.data for some in chunks[:3] for chunk in some)
    assert len(pages(early)) >= 3
    everything = [chunk for some in chunks for chunk in some] + encoder.finish()
    data = b"".join(chunk.data for chunk in everything)
    found = pages(data)
    pre_skip = int.from_bytes(data[data.index(b"OpusHead") + 10 :][:2], "little")
    assert [granule for _, granule in found[:2]] == [0, 0]
    assert found[0][0] == 2  # Beginning of stream
    assert found[-1] == (4, 48_000 + pre_skip)  # End of stream, after exactly one second.
    steps = np.diff([granule for _, granule in found[2:]])
    assert (steps[:-1] == 960).all()
    assert sum(chunk.sample_count for chunk in everything) == 24_000


def test_flush_lets_the_decoder_have_everything() -> None:
    pcm = speech_like(10_000)
    encoder = AudioEncoder(AudioFormat(Encoding.OGG_OPUS, RATE_HZ), RATE_HZ)
    chunks = encoder.feed(pcm) + encoder.flush()
    assert encoder.flush() == []
    count = sum(chunk.sample_count for chunk in chunks)
    assert 10_000 + 720 <= count <= 10_000 + 1_200
    got = decode(b"".join(chunk.data for chunk in chunks))
    assert got.size >= 20_000
    assert snr_db(resampled(pcm, DECODER_RATE_HZ), got[:20_000]) > 20


def test_what_is_too_loud_is_clipped() -> None:
    data = encode_all(AudioFormat(Encoding.OGG_OPUS, RATE_HZ), RATE_HZ, 10 * speech_like(9_600))
    assert 0.9 < np.abs(decode(data)).max() < 1.5


def test_nothing_is_a_valid_file() -> None:
    data = encode_all(AudioFormat(Encoding.OGG_OPUS, RATE_HZ), RATE_HZ, np.zeros(0, np.float32))
    assert next(flags & 2 for flags, _ in pages(data)) == 2

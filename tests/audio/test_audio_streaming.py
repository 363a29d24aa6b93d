"""Streaming equals whole, for any cutting, at any rate."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bark_core.audio import AudioEncoder, AudioFormat, Chunker, EncodedChunk, Encoding, encode_all
from bark_core.audio.resample import create_resampler
from tests.support.signals import FloatArray, cut, snr_db, speech_like, tone

RATE_HZ = 24_000
HEADERLESS = [Encoding.PCM_S16LE, Encoding.PCM_F32LE, Encoding.MULAW, Encoding.ALAW]
SAMPLE_BYTES = {Encoding.PCM_S16LE: 2, Encoding.PCM_F32LE: 4, Encoding.MULAW: 1, Encoding.ALAW: 1}
CUTS = st.lists(st.integers(0, 3000), min_size=1, max_size=8)


def stream(fmt: AudioFormat, pieces: list[FloatArray]) -> list[EncodedChunk]:
    encoder = AudioEncoder(fmt, RATE_HZ)
    return [chunk for piece in pieces for chunk in encoder.feed(piece)] + encoder.finish()


def joined(chunks: list[EncodedChunk]) -> bytes:
    return b"".join(chunk.data for chunk in chunks)


def check_offsets(chunks: list[EncodedChunk]) -> int:
    """Chunks follow one another without gaps. Returns the total."""
    position = 0
    for chunk in chunks:
        assert chunk.start_sample == position
        position += chunk.sample_count
    return position


@settings(max_examples=60, deadline=None)
@given(
    encoding=st.sampled_from(Encoding),
    rate_hz=st.sampled_from([8_000, 12_000, 16_000, 24_000, 48_000]),
    samples=st.integers(0, 9_000),
    cuts=CUTS,
)
def test_streaming_equals_whole(
    encoding: Encoding, rate_hz: int, samples: int, cuts: list[int]
) -> None:
    fmt = AudioFormat(encoding, rate_hz)
    pcm = speech_like(samples)
    pieces = cut(pcm, cuts)
    chunks = stream(fmt, pieces)
    assert joined(chunks) == joined(stream(fmt, [pcm]))
    assert check_offsets(chunks) == (2 * samples * rate_hz + RATE_HZ) // (2 * RATE_HZ)
    if encoding is not Encoding.WAV:  # Its header differs on purpose.
        assert joined(chunks) == encode_all(fmt, RATE_HZ, pcm)


@settings(max_examples=60, deadline=None)
@given(
    encoding=st.sampled_from(HEADERLESS),
    rate_hz=st.integers(8_000, 48_000),
    samples=st.integers(1, 9_000),
    chunk_s=st.floats(0.01, 0.2),
    cuts=CUTS,
)
def test_chunks_of_a_fixed_length(
    encoding: Encoding, rate_hz: int, samples: int, chunk_s: float, cuts: list[int]
) -> None:
    fmt = AudioFormat(encoding, rate_hz, chunk_s)
    pcm = speech_like(samples)
    chunks = stream(fmt, cut(pcm, cuts))
    check_offsets(chunks)
    assert all(len(c.data) == c.sample_count * SAMPLE_BYTES[encoding] for c in chunks)
    assert all(chunk.sample_count == round(chunk_s * rate_hz) for chunk in chunks[:-1])
    assert joined(chunks) == encode_all(fmt, RATE_HZ, pcm)
    assert chunks == stream(fmt, [pcm])


def test_fixed_chunks_leave_as_soon_as_they_are_complete() -> None:
    encoder = AudioEncoder(AudioFormat(Encoding.PCM_S16LE, RATE_HZ, 0.1), RATE_HZ)
    assert encoder.feed(tone(2_399)) == []
    assert [chunk.sample_count for chunk in encoder.feed(tone(1))] == [2_400]
    assert [chunk.sample_count for chunk in encoder.feed(tone(5_000))] == [2_400, 2_400]
    assert [chunk.sample_count for chunk in encoder.finish()] == [200]


def test_the_native_rate_passes_through_untouched() -> None:
    pcm = speech_like(5_000)
    chunks = stream(AudioFormat(Encoding.PCM_F32LE, RATE_HZ), cut(pcm, [7, 311]))
    assert joined(chunks) == pcm.tobytes()


@settings(max_examples=40, deadline=None)
@given(rate_hz=st.integers(8_000, 48_000), samples=st.integers(0, 20_000))
@example(rate_hz=44_100, samples=120)  # 220.5
@example(rate_hz=12_000, samples=1)  # 0.5
def test_resampling_keeps_the_length(rate_hz: int, samples: int) -> None:
    resampler = create_resampler(RATE_HZ, rate_hz)
    made = resampler.feed(tone(samples)).size + resampler.drain().size
    assert made == (2 * samples * rate_hz + RATE_HZ) // (2 * RATE_HZ)


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000])
def test_resampled_tone_is_the_tone_on_time_without_clicks(rate_hz: int) -> None:
    resampler = create_resampler(RATE_HZ, rate_hz)
    pieces = [resampler.feed(piece) for piece in cut(tone(RATE_HZ), [321, 1, 4_000])]
    got = np.concatenate([*pieces, resampler.drain()])
    wanted = tone(rate_hz, rate_hz=rate_hz)
    edge = rate_hz // 50  # The tone begins and ends abruptly, which no band-limited signal can.
    # A delay of one sample alone would cost it: 440 Hz at 48 kHz then gives 25 dB.
    assert snr_db(wanted[edge:-edge], got[edge:-edge]) > 80


def test_what_does_not_fit_the_new_rate_is_removed() -> None:
    resampler = create_resampler(RATE_HZ, 8_000)
    got = np.concatenate([resampler.feed(tone(RATE_HZ, hz=6_000)), resampler.drain()])
    assert np.abs(got[400:-400]).max() < 1e-3


def test_flush_gives_all_and_the_stream_goes_on() -> None:
    pcm = speech_like(RATE_HZ)
    encoder = AudioEncoder(AudioFormat(Encoding.PCM_S16LE, 16_000, 0.5), RATE_HZ)
    first = encoder.feed(pcm) + encoder.flush()
    assert check_offsets(first) == 16_000
    assert encoder.flush() == []
    both = first + encoder.feed(pcm) + encoder.finish()
    assert check_offsets(both) == 32_000
    assert joined(both) == 2 * joined(first)


@settings(max_examples=40, deadline=None)
@given(size=st.integers(1, 500), cuts=CUTS, samples=st.integers(0, 3_000))
def test_chunker(size: int, cuts: list[int], samples: int) -> None:
    chunker, pcm = Chunker(size), tone(samples)
    chunks = [chunk for piece in cut(pcm, cuts) for chunk in chunker.feed(piece)]
    rest = chunker.drain()
    assert all(chunk.size == size for chunk in chunks)
    assert sum(chunk.size for chunk in rest) < size
    everything: list[Any] = [*chunks, *rest, np.zeros(0, np.float32)]
    assert np.array_equal(np.concatenate(everything), pcm)


def test_chunker_refuses_a_length_of_nothing() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Chunker(0)

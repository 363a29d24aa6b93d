"""The parts without I/O: buffers, decoding, what was heard."""

from __future__ import annotations

import asyncio
import hashlib
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bark_core.audio import AudioFormat, encode_all
from bark_core.audio import Encoding as CoreEncoding
from barkstream.v1 import speech_service_pb2 as pb
from barkstream_client import Audio, ClosedError, Flushed, Progress, Segment, UndecodableError
from barkstream_client.heard import Timeline
from barkstream_client.inbox import EVENT_BYTES, Inbox
from barkstream_client.outbox import Outbox
from barkstream_client.pcm import decode_pcm, decode_whole
from tests.support.signals import snr_db, speech_like

RATE_HZ = 24_000


def audio(start: int, count: int, segment: int = 0, data: bytes = b"") -> Audio:
    return Audio(data, "pcm_s16le", RATE_HZ, start, count, segment, 0)


def progress(tokens: int) -> Progress:
    return Progress(0, 0, tokens, 0, 0.0, None)


# ---- decoding -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "least_snr_db"),
    [("pcm_s16le", 70), ("pcm_f32le", 150), ("mulaw", 30), ("alaw", 30), ("wav", 70)],
)
def test_what_the_server_encodes_the_client_decodes(encoding: str, least_snr_db: float) -> None:
    pcm = speech_like(10_000)
    data = encode_all(AudioFormat(CoreEncoding(encoding), RATE_HZ), RATE_HZ, pcm)
    assert snr_db(pcm, decode_whole(data, encoding)) > least_snr_db


# SHA-256 of CPython 3.11's audioop.ulaw2lin / alaw2lin of all bytes, as 16-bit samples.
@pytest.mark.parametrize(
    ("encoding", "digest"),
    [
        ("mulaw", "3dab54339e520bb2c924826e3b72a917a2b612e9fd12fc867500f1d983a75827"),
        ("alaw", "e04788d110e58ff8c70c93b8480190d973e3b67876b6119abbaec766cc75c174"),
    ],
)
def test_g711_decodes_as_audioop_does(encoding: str, digest: str) -> None:
    samples = (decode_pcm(bytes(range(256)), encoding) * 32768).astype("<i2")
    assert hashlib.sha256(samples.tobytes()).hexdigest() == digest


@pytest.mark.parametrize("encoding", ["mulaw", "alaw"])
def test_every_g711_byte_survives_a_round_trip(encoding: str) -> None:
    every = bytes(range(256))
    fmt = AudioFormat(CoreEncoding(encoding), RATE_HZ)
    again = encode_all(fmt, RATE_HZ, decode_pcm(every, encoding))
    # mu-law knows two zeros, and rounding knows only one of them.
    assert again == (every.replace(b"\x7f", b"\xff") if encoding == "mulaw" else every)


@pytest.mark.parametrize(
    ("data", "encoding"),
    [(b"abc", "pcm_s16le"), (b"abc", "pcm_f32le"), (b"", "ogg_opus"), (b"RIFF", "wav"), (b"", "9")],
)
def test_what_cannot_be_decoded_says_so(data: bytes, encoding: str) -> None:
    with pytest.raises(UndecodableError):
        decode_whole(data, encoding)


# ---- inbox --------------------------------------------------------------------------------------


async def test_inbox_is_bounded_by_bytes_and_by_events() -> None:
    inbox = Inbox(10 * EVENT_BYTES)
    assert inbox.put(audio(0, 1, data=bytes(8 * EVENT_BYTES)))
    assert not inbox.put(audio(0, 1, data=bytes(EVENT_BYTES)))
    assert inbox.put(Flushed("", 0.0))
    assert not inbox.put(Flushed("", 0.0))
    assert isinstance(await inbox.get(), Audio)
    assert all(inbox.put(Flushed("", 0.0)) for _ in range(9))
    assert not inbox.put(Flushed("", 0.0))
    inbox.clear()
    assert inbox.put(audio(0, 1, data=bytes(9 * EVENT_BYTES)))


async def test_inbox_tells_when_its_reader_has_caught_up() -> None:
    inbox = Inbox(10 * EVENT_BYTES)
    for _ in range(6):
        await asyncio.wait_for(inbox.wait_for_room(), 10)
        inbox.put(Flushed("", 0.0))
    waiting = [asyncio.create_task(inbox.wait_for_room()) for _ in range(2)]
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    await inbox.get()
    await asyncio.gather(*waiting)
    inbox.put(Flushed("", 0.0))
    more = asyncio.create_task(inbox.wait_for_room())
    await asyncio.sleep(0)
    inbox.end()
    await asyncio.wait_for(more, 10)
    await asyncio.wait_for(inbox.wait_for_room(), 10)


async def test_only_the_newest_progress_waits() -> None:
    inbox = Inbox(2 * EVENT_BYTES)
    assert all(inbox.put(progress(number)) for number in range(100))
    inbox.end()
    assert await inbox.get() == progress(99)
    assert await inbox.get() is None
    assert await inbox.get() is None


async def test_the_end_comes_after_what_is_buffered_and_once() -> None:
    inbox = Inbox(EVENT_BYTES)
    inbox.put(progress(1))
    inbox.end(last=Flushed("last", 0.0), error=LookupError("why"))
    inbox.end(error=KeyError("late"))
    assert await inbox.get() == progress(1)
    assert await inbox.get() == Flushed("last", 0.0)
    for _ in range(2):
        with pytest.raises(LookupError, match="why"):
            await inbox.get()


# ---- outbox -------------------------------------------------------------------------------------


async def test_outbox_makes_callers_wait_but_not_cancels() -> None:
    outbox = Outbox(2)
    for name in "ab":
        await outbox.put(pb.ConverseRequest(context_id=name))
    waiting = [
        asyncio.create_task(outbox.put(pb.ConverseRequest(context_id=name))) for name in "cd"
    ]
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    outbox.put_now(pb.ConverseRequest(context_id="!"))
    taken = [await outbox.get() for _ in range(5)]
    assert [request.context_id for request in taken if request] == ["a", "b", "!", "c", "d"]
    await asyncio.gather(*waiting)


async def test_closing_the_outbox_wakes_everybody() -> None:
    outbox = Outbox(1)
    await outbox.put(pb.ConverseRequest(context_id="a"))
    waiting = [asyncio.create_task(outbox.put(pb.ConverseRequest())) for _ in range(3)]
    await asyncio.sleep(0)
    outbox.close()
    outbox.close()
    outbox.put_now(pb.ConverseRequest())
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(result) for result in results] == [ClosedError] * 3
    with pytest.raises(ClosedError):
        await outbox.put(pb.ConverseRequest())
    first = await outbox.get()
    assert first is not None
    assert await outbox.get() is None


async def test_a_cancelled_put_leaves_its_place_to_others() -> None:
    outbox = Outbox(1)
    await outbox.put(pb.ConverseRequest(context_id="a"))
    gone, stays = (asyncio.create_task(outbox.put(pb.ConverseRequest())) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    await outbox.get()
    await asyncio.wait_for(stays, 10)


# ---- heard --------------------------------------------------------------------------------------


def timeline(text: str, cuts: list[int], samples: list[int]) -> Timeline:
    """Segments between the cuts, with so many samples each."""
    result, position = Timeline(), 0
    bounds = sorted({0, *(cut % (len(text) + 1) for cut in cuts), len(text)})
    for index, (start, end) in enumerate(pairwise(bounds)):
        result.add(Segment(index, start, end, text[start:end]))
        count = samples[index % len(samples)]
        if count:
            result.add(audio(position, count, index))
            position += count
    return result


@settings(max_examples=150, deadline=None)
@given(
    text=st.text(alphabet="ab é中. ", min_size=1, max_size=60),
    cuts=st.lists(st.integers(0, 60), max_size=3),
    samples=st.lists(st.integers(0, 50_000), min_size=1, max_size=4),
    moments=st.lists(st.floats(0, 10), min_size=2, max_size=6),
)
def test_heard_grows_with_time_and_never_splits_a_word(
    text: str, cuts: list[int], samples: list[int], moments: list[float]
) -> None:
    line = timeline(text, cuts, samples)
    heard = [line.heard_until(text, moment) for moment in sorted(moments)]
    assert heard == sorted(heard)
    bounds = {segment.source_end for segment in line.segments.values()}
    for position in heard:
        assert 0 <= position <= len(text)
        inside = position not in (0, len(text)) and position not in bounds
        if inside:
            assert not text[position - 1].isspace()
            assert text[position].isspace()
    assert line.heard_until(text, 0.0) == 0
    spoken = [line.segments[index].source_end for index in line.starts]
    assert line.heard_until(text, line.audio_s + 1) == max(spoken, default=0)


def test_heard_is_the_nearest_end_of_a_word() -> None:
    text = "One two three. Four."
    line = Timeline()
    line.add(Segment(0, 0, 14, text[:14]))
    line.add(audio(0, 14_000, 0))
    line.add(Segment(1, 15, 20, text[15:]))
    line.add(audio(14_000, 5_000, 1))
    samples_of = {0: "", 1_000: "", 2_000: "One", 5_000: "One", 6_000: "One two", 10_000: "One two"}
    samples_of |= {12_000: "One two three.", 14_001: "One two three.", 19_000: text}
    for samples, words in samples_of.items():
        assert text[: line.heard_until(text, samples / RATE_HZ)] == words, samples


def test_nothing_was_received() -> None:
    assert Timeline().heard_until("text", 5.0) == 0
    assert Timeline().audio_s == 0.0
    assert np.isfinite(Timeline().audio_s)

"""What the protocol promises, kept by the fake server and by the real one alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
import numpy as np
import pytest

from barkstream_client import (
    AbortedError,
    Audio,
    CancelReport,
    Completed,
    DeadlineError,
    Encoding,
    Flushed,
    InvalidRequestError,
    NotFoundError,
    Progress,
    Segment,
    ServerFullError,
    SpeechClient,
    SpeechContext,
    SpeechError,
    SpeechEvent,
    SpeechOptions,
    Started,
)
from barkstream_client.testing import FakeSpeechServer
from tests.support.eventually import eventually
from tests.support.serving import served

TEXT = "Hello there my friend. How are you on this fine day? I am well."


@pytest.fixture(params=["fake", "real"])
async def target(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    if request.param == "fake":
        async with FakeSpeechServer(max_contexts=4) as server:
            yield server.target
            await server.wait_idle()
    else:
        async with served(max_contexts_per_session=4) as real:
            yield real.server.address
            await real.settled()


@pytest.fixture
async def client(target: str) -> AsyncIterator[SpeechClient]:
    async with SpeechClient.connect(target) as client:
        yield client


async def all_of(source: AsyncIterator[SpeechEvent]) -> list[SpeechEvent]:
    return [event async for event in source]


def pcm_of(events: list[SpeechEvent]) -> np.ndarray:
    parts = [event.pcm() for event in events if isinstance(event, Audio)]
    return np.concatenate([np.zeros(0, np.float32), *parts])


def check(events: list[SpeechEvent], text: str) -> Completed:
    """The order, offsets and counts of one text spoken to its end."""
    started, completed = events[0], events[-1]
    assert isinstance(started, Started)
    assert isinstance(completed, Completed)
    kinds = [type(event) for event in events]
    assert kinds.count(Started) == kinds.count(Completed) == 1
    segments = [event for event in events if isinstance(event, Segment)]
    assert [segment.index for segment in segments] == list(range(len(segments)))
    end = 0
    for segment in segments:
        assert end <= segment.source_start < segment.source_end <= len(text)
        assert not text[end : segment.source_start].strip()  # Only white space is left out.
        end = segment.source_end
    assert not text[end:].strip()
    position, known, last = 0, set[int](), 0
    chunks = 0
    for event in events:
        if isinstance(event, Segment):
            known.add(event.index)
        elif isinstance(event, Audio):
            assert event.chunk_index == chunks
            assert event.start_sample == position
            assert event.segment_index in known
            assert event.segment_index >= last
            assert event.pcm().size == event.sample_count > 0
            position += event.sample_count
            last, chunks = event.segment_index, chunks + 1
    rate_hz = started.options["sample_rate_hz"]
    usage = completed.usage
    assert (usage.samples, usage.utterances) == (position, len(segments))
    assert usage.text_characters == len(text)
    assert usage.audio_s == pytest.approx(position / rate_hz, abs=1e-6)
    assert (completed.timing.first_audio_s is None) == (position == 0)
    assert completed.receipt == started.receipt
    return completed


async def test_stream(client: SpeechClient) -> None:
    events = await all_of(client.stream(TEXT))
    completed = check(events, TEXT)
    assert completed.usage.utterances >= 1
    assert completed.usage.samples > 24_000


async def test_synthesize_equals_stream(client: SpeechClient) -> None:
    options = SpeechOptions(seed=5)
    speech = await client.synthesize(TEXT, **options)
    events = await all_of(client.stream(TEXT, **options))
    assert np.array_equal(speech.pcm(), pcm_of(events))
    assert [timed.segment for timed in speech.segments] == [
        event for event in events if isinstance(event, Segment)
    ]
    for timed, following in zip(speech.segments, [*speech.segments[1:], None], strict=True):
        end = timed.start_sample + timed.sample_count
        assert end <= (following.start_sample if following else speech.usage.samples)
    assert speech.receipt.seed == 5


async def test_the_effective_options_make_the_same_speech_again(client: SpeechClient) -> None:
    first = await all_of(client.stream(TEXT))
    assert isinstance(first[0], Started)
    options = first[0].options
    missing = {"chunk_ms", "max_utterance_s", "max_lead_s", "honours_start_hint", "voice"} | {
        f"{stage}_{cut}" for stage in ("semantic", "coarse") for cut in ("top_k", "top_p")
    }
    assert set(SpeechOptions.__annotations__) - set(options) <= missing
    assert first[0].receipt.seed == options["seed"]
    again = await all_of(client.stream(TEXT, **options))
    assert np.array_equal(pcm_of(first), pcm_of(again))


@pytest.mark.parametrize("encoding", ["pcm_s16le", "pcm_f32le", "mulaw", "alaw", "wav"])
@pytest.mark.parametrize("rate_hz", [8_000, 24_000, 44_100])
async def test_encodings_and_rates(client: SpeechClient, encoding: Encoding, rate_hz: int) -> None:
    speech = await client.synthesize(TEXT, encoding=encoding, sample_rate_hz=rate_hz, seed=1)
    assert (speech.encoding, speech.sample_rate_hz) == (encoding, rate_hz)
    assert speech.pcm().size == speech.usage.samples
    native = await client.synthesize(TEXT, seed=1)
    assert speech.usage.audio_s == pytest.approx(native.usage.audio_s, abs=0.001)


async def test_chunks_have_the_length_asked_for(client: SpeechClient) -> None:
    events = await all_of(client.stream(TEXT, chunk_ms=40, sample_rate_hz=16_000))
    check(events, TEXT)
    audio = [event for event in events if isinstance(event, Audio)]
    assert {event.sample_count for event in audio[:-1]} <= set(range(1, 641))
    assert sum(event.sample_count == 640 for event in audio) > 0.9 * len(audio) - 6


async def test_converse(client: SpeechClient) -> None:
    async def words() -> AsyncIterator[str]:
        for word in TEXT.split(" "):
            yield word + " "

    check(await all_of(client.converse(words())), TEXT + " ")


async def test_contexts_side_by_side(client: SpeechClient) -> None:
    async with client.session() as session:
        assert session.info.max_contexts == 4
        contexts = [session.context(f"c.{number}:_-") for number in range(4)]

        async def speak(context: SpeechContext) -> None:
            for part in (TEXT[:9], TEXT[9:30], TEXT[30:]):
                await context.append(part)
            await context.finish()
            check(await all_of(context), TEXT)

        await asyncio.gather(*(speak(context) for context in contexts))
        again = session.context("c.0:_-")  # Ids may be used again.
        await speak(again)


async def test_one_context_too_many(client: SpeechClient) -> None:
    async with client.session() as session:
        contexts = [session.context() for _ in range(5)]
        for context in contexts:
            await context.append("Not the end of a sentence")
        with pytest.raises(ServerFullError) as caught:
            await all_of(contexts[4])
        assert caught.value.reason
        assert caught.value.retry_after_s is not None
        await contexts[0].finish()
        assert isinstance((await all_of(contexts[0]))[-1], Completed)


async def test_flush(client: SpeechClient) -> None:
    async with client.session() as session:
        context = session.context()
        await context.append("This has no end yet")
        await context.flush("first")
        before = []
        async for event in context:
            before.append(event)
            if isinstance(event, Flushed):
                break
        flushed = before[-1]
        assert isinstance(flushed, Flushed)
        assert flushed.flush_id == "first"
        assert flushed.audio_sent_s == pytest.approx(pcm_of(before).size / 24_000)
        assert pcm_of(before).size
        await context.append(" but now it has one.")
        await context.finish()
        check(before + await all_of(context), context.text)


async def test_cancel(client: SpeechClient) -> None:
    async with client.session() as session:
        context = session.context()
        await context.append(TEXT + " And this sentence has no end")
        async for event in context:
            if isinstance(event, Audio):
                break
        report = await context.cancel(played_s=0.0)
        assert (report.text_spoken, report.text_remaining) == ("", context.text)
        assert (report.played_s, report.played_reported) == (0.0, True)
        assert report.audio_sent_s > 0
        assert await all_of(context) == [report]

        second = session.context(context.context_id)
        await second.append(TEXT + " And so on")
        async for event in second:
            if isinstance(event, Audio):
                break
        report = await second.cancel()
        assert report.text_spoken + report.text_remaining == second.text
        assert not report.played_reported
        assert isinstance(second.terminal, CancelReport)


@pytest.mark.parametrize("text", ["", " \n "])
async def test_a_context_without_text_fails(client: SpeechClient, text: str) -> None:
    async with client.session() as session:
        context = session.context()
        await context.append(text)
        await context.finish()
        with pytest.raises(InvalidRequestError) as caught:
            await all_of(context)
        assert caught.value.reason == "TEXT_EMPTY"


async def test_a_flush_of_nothing_is_confirmed(client: SpeechClient) -> None:
    async with client.session() as session:
        context = session.context()
        await context.flush("nothing")
        await context.append("Hello there.")
        await context.finish()
        events = await all_of(context)
        check(events, context.text)
        assert [event.flush_id for event in events if isinstance(event, Flushed)] == ["nothing"]


async def test_options_of_a_context_win_over_the_sessions(client: SpeechClient) -> None:
    async with client.session(sample_rate_hz=16_000, pause_ms=500, seed=3) as session:
        assert session.info.options["sample_rate_hz"] == 16_000
        context = session.context(sample_rate_hz=8_000, pause_ms=0)
        await context.append(TEXT)
        await context.finish()
        events = await all_of(context)
        check(events, TEXT)
        assert isinstance(events[0], Started)
        options = events[0].options
        assert (options["sample_rate_hz"], options["pause_ms"], options["seed"]) == (8_000, 0.0, 3)


async def test_heartbeats_while_a_context_waits(client: SpeechClient) -> None:
    async with client.session(heartbeat_s=0.1) as session:
        context = session.context()
        await context.append("A sentence that has no end")
        async for event in context:
            if isinstance(event, Progress):
                break
        assert not isinstance(context.terminal, SpeechError)


async def test_an_idle_session_ends_only_if_asked_to(client: SpeechClient) -> None:
    async with client.session(idle_timeout_s=1.0) as session:
        await eventually(lambda: session._wire._error is not None)
        with pytest.raises(AbortedError) as caught:
            session.context()
        assert caught.value.reason == "IDLE_TIMEOUT"


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("", {}, (InvalidRequestError, "TEXT_EMPTY", ["text"])),
        ("  \n", {}, (InvalidRequestError, "TEXT_EMPTY", ["text"])),
        ("x" * 2_001, {}, (InvalidRequestError, "TEXT_TOO_LONG", ["text"])),
        ("Hi.", {"voice": "nobody"}, (NotFoundError, "VOICE_NOT_FOUND", [])),
        (
            "Hi.",
            {"sample_rate_hz": 7_000},
            (
                InvalidRequestError,
                "AUDIO_FORMAT_UNSUPPORTED",
                ["config.audio_format.sample_rate_hz"],
            ),
        ),
    ],
)
async def test_errors(
    client: SpeechClient,
    text: str,
    options: SpeechOptions,
    expected: tuple[type[SpeechError], str, list[str]],
) -> None:
    kind, reason, fields = expected
    with pytest.raises(kind) as caught:
        await client.synthesize(text, **options)
    assert caught.value.reason == reason
    assert [violation.field for violation in caught.value.violations] == fields
    assert "x" * 50 not in caught.value.message
    if len(text) <= 2_000:
        with pytest.raises(kind):
            await all_of(client.stream(text, **options))


async def test_a_bad_option_of_a_context_fails_that_context_only(client: SpeechClient) -> None:
    async with client.session() as session:
        bad, good = session.context(voice="nobody"), session.context()
        for context in (bad, good):
            await context.append("Hello there.")
            await context.finish()
        with pytest.raises(NotFoundError):
            await all_of(bad)
        check(await all_of(good), good.text)


async def test_a_bad_option_of_a_session_refuses_it(client: SpeechClient) -> None:
    with pytest.raises(NotFoundError):
        async with client.session(voice="nobody"):
            pass


async def test_late_messages_do_no_harm(client: SpeechClient) -> None:
    async with client.session() as session:
        context = session.context()
        await context.append("Hello there.")
        await context.finish()
        await eventually(lambda: context.terminal is not None)
        context._send_cancel(0.1)  # Crosses the end of the context.
        other = session.context()
        await other.append("And you?")
        await other.finish()
        check(await all_of(other), other.text)
        report = await context.cancel(played_s=0.0)
        assert (report.text_spoken, report.text_remaining) == ("", "Hello there.")


async def test_deadlines(client: SpeechClient) -> None:
    with pytest.raises(DeadlineError) as caught:
        await client.synthesize(TEXT * 20, timeout_s=0.001)
    assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_the_load(client: SpeechClient) -> None:
    loads = client.watch_load(interval_s=0.1)
    async for load in loads:
        assert load.serving
        assert load.slots == 4
        if load.sessions == 0:
            break
    async with client.session() as session:
        context = session.context()
        await context.append("Hello there. ")
        async for load in loads:
            if load.sessions == 1:
                break
    await loads.aclose()
    with pytest.raises(InvalidRequestError):
        await anext(client.watch_load(interval_s=1000))


async def test_voices_and_info(client: SpeechClient) -> None:
    await client.wait_ready(30)
    await client.wait_ready(30, service="")
    info = await client.server_info()
    assert info.model.sample_rate_hz == 24_000
    assert info.limits.max_contexts_per_session == 4
    assert info.limits.max_synthesize_characters == 2_000
    assert {"pcm_s16le", "pcm_f32le", "mulaw", "alaw", "wav"} <= set(info.encodings)
    voices = await client.list_voices()
    assert [voice.name for voice in voices] == sorted(voice.name for voice in voices)
    for voice in voices[:3]:
        assert (await client.get_voice(voice.name)).name == voice.name
    assert [voice.name for voice in voices if voice.is_default] == (
        [info.default_voice] if info.default_voice else []
    )
    with pytest.raises(NotFoundError) as caught:
        await client.get_voice("nobody")
    assert caught.value.reason == "VOICE_NOT_FOUND"

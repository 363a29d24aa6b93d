"""Synthesize, stream, converse in its easy form, voices, server info, health."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
import numpy as np
import pytest

from barkstream.v1 import speech_service_pb2 as pb
from barkstream_client import (
    Audio,
    CallCancelledError,
    ClosedError,
    Completed,
    Encoding,
    InvalidRequestError,
    NotFoundError,
    OptionError,
    Segment,
    SpeechClient,
    SpeechError,
    SpeechEvent,
    SpeechOptions,
    Started,
    UnavailableError,
    UndecodableError,
)
from barkstream_client.options import decode_options, encode_options
from barkstream_client.testing import FakeScript, FakeSpeechServer, tones

TEXT = "Hello there. How are you?"
EVERY_OPTION = SpeechOptions(
    voice="fake/de",
    continuity="carry_on",
    encoding="pcm_f32le",
    sample_rate_hz=16_000,
    chunk_ms=50.0,
    seed=7,
    semantic_temperature=0.6,
    semantic_top_k=50,
    semantic_top_p=0.95,
    coarse_temperature=0.0,
    coarse_top_k=1,
    coarse_top_p=1.0,
    fine_temperature=0.4,
    min_eos_probability=0.1,
    max_utterance_s=9.5,
    latency_mode="exact",
    max_utterance_tokens=40,
    pause_ms=0.0,
    max_lead_s=2.5,
    honours_start_hint=True,
    max_hold_s=0.0,
)


def expected_pcm(rate_hz: int = 24_000, pause_s: float = 0.15) -> np.ndarray:
    pause = np.zeros(round(pause_s * rate_hz), np.float32)
    return np.concatenate([tones("Hello there.", rate_hz), pause, tones("How are you?", rate_hz)])


async def deltas(*texts: str) -> AsyncIterator[str]:
    for text in texts:
        await asyncio.sleep(0)
        yield text


def pcm_of(events: list[SpeechEvent]) -> np.ndarray:
    return np.concatenate([event.pcm() for event in events if isinstance(event, Audio)])


def check_order(events: list[SpeechEvent]) -> None:
    assert isinstance(events[0], Started)
    assert isinstance(events[-1], Completed)
    assert [type(event) for event in events].count(Completed) == 1
    audio = [event for event in events if isinstance(event, Audio)]
    assert [event.chunk_index for event in audio] == list(range(len(audio)))
    position = 0
    for event in audio:
        assert event.start_sample == position
        position += event.sample_count
    assert events[-1].usage.samples == position


async def test_synthesize(client: SpeechClient) -> None:
    speech = await client.synthesize(TEXT)
    assert (speech.encoding, speech.sample_rate_hz) == ("pcm_s16le", 24_000)
    assert np.allclose(speech.pcm(), expected_pcm(), atol=1e-4)
    assert [timed.segment.spoken_text for timed in speech.segments] == [
        "Hello there.",
        "How are you?",
    ]
    second = speech.segments[1]
    assert (second.start_sample, second.sample_count) == (5_760 + 3_600, 5_760)
    assert TEXT[second.segment.source_start : second.segment.source_end] == "How are you?"
    assert speech.usage.samples == speech.pcm().size
    assert speech.usage.audio_s == pytest.approx(speech.pcm().size / 24_000)
    assert speech.timing.first_audio_s is not None
    assert speech.receipt.voice == "fake/en"


@pytest.mark.parametrize("encoding", ["pcm_s16le", "pcm_f32le", "mulaw", "alaw", "wav"])
async def test_every_encoding_is_decoded(client: SpeechClient, encoding: Encoding) -> None:
    speech = await client.synthesize(TEXT, encoding=encoding, sample_rate_hz=16_000)
    assert speech.encoding == encoding
    assert np.allclose(speech.pcm(), expected_pcm(16_000), atol=0.01)


async def test_containers_in_streams_say_that_they_need_a_decoder(client: SpeechClient) -> None:
    audio = [event async for event in client.stream(TEXT, encoding="wav").audio()]
    assert audio[0].data.startswith(b"RIFF")
    assert not any(event.data.startswith(b"RIFF") for event in audio[1:])
    with pytest.raises(UndecodableError, match="pcm_s16le"):
        audio[0].pcm()


async def test_stream(client: SpeechClient) -> None:
    stream = client.stream(TEXT, chunk_ms=100)
    events = [event async for event in stream]
    check_order(events)
    assert np.allclose(pcm_of(events), expected_pcm(), atol=1e-4)
    assert [event.spoken_text for event in events if isinstance(event, Segment)] == [
        "Hello there.",
        "How are you?",
    ]
    assert stream.started is events[0]
    assert stream.completed is events[-1]


async def test_audio_arrives_before_the_rest_is_made(
    server: FakeSpeechServer, client: SpeechClient
) -> None:
    server.gate.close()
    server.gate.allow(1)
    async with client.stream(TEXT) as stream:
        audio = stream.audio()
        assert (await anext(audio)).start_sample == 0  # The server is holding back the others.
        server.gate.open()
        assert (await anext(audio)).start_sample == 2_400


async def test_converse_takes_text_while_it_is_written(client: SpeechClient) -> None:
    stream = client.converse(deltas("Hello ", "", "there. How", " are you?"))
    events = [event async for event in stream]
    check_order(events)
    assert np.allclose(pcm_of(events), expected_pcm(), atol=1e-4)


async def test_converse_speaks_before_the_text_is_complete(client: SpeechClient) -> None:
    heard = asyncio.Event()

    async def text() -> AsyncIterator[str]:
        yield "Hello there. "
        await heard.wait()  # Comes only if the first sentence is spoken by now.
        yield "How are you?"

    events = []
    async for event in client.converse(text()):
        events.append(event)
        if isinstance(event, Audio):
            heard.set()
    check_order(events)
    assert np.allclose(pcm_of(events), expected_pcm(), atol=1e-4)


async def test_an_error_of_the_text_ends_the_speech_and_is_raised(
    server: FakeSpeechServer, client: SpeechClient
) -> None:
    async def text() -> AsyncIterator[str]:
        yield "Hello there. "
        raise LookupError("the language model is gone")

    with pytest.raises(LookupError, match="language model"):
        async for _ in client.converse(text()):
            pass
    await server.wait_idle()


async def test_a_slow_reader_of_converse_makes_the_server_wait(
    server: FakeSpeechServer, client: SpeechClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("barkstream_client.client.DEFAULT_BUFFER_BYTES", 100_000)
    text = "A rather long sentence it is. " * 300
    stream = client.converse(deltas(text), encoding="pcm_f32le")  # 20 MB
    total = (await anext(stream.audio())).sample_count
    await asyncio.sleep(0.2)
    async for audio in stream.audio():
        total += audio.sample_count
    assert stream.completed is not None
    assert stream.completed.usage.samples == total > 4_000_000


async def test_a_text_that_never_came_is_the_servers_answer(client: SpeechClient) -> None:
    with pytest.raises(InvalidRequestError, match="empty"):
        async for _ in client.converse(deltas("", "")):
            pass


async def test_every_option_arrives_and_comes_back(
    server: FakeSpeechServer, client: SpeechClient
) -> None:
    async with client.stream(TEXT, **EVERY_OPTION) as stream:
        started = await anext(stream)
    assert isinstance(started, Started)
    assert started.options == EVERY_OPTION
    request = server.received[-1]
    assert isinstance(request, pb.StreamSynthesizeRequest)
    assert decode_options(request.config) == EVERY_OPTION


def test_options_left_out_are_not_sent() -> None:
    assert encode_options(SpeechOptions()) == pb.SpeechConfig()
    assert decode_options(encode_options(SpeechOptions(seed=0))) == {"seed": 0}


def test_options_cover_the_whole_config() -> None:
    """A field added to the proto needs an option."""

    def leaves(descriptor: object, prefix: str = "") -> set[str]:
        found = set()
        for field in descriptor.fields:  # type: ignore[attr-defined]
            path = f"{prefix}{field.name}"
            nested = field.message_type
            if nested is None or nested.full_name == "google.protobuf.Duration":
                found.add(path)
            else:
                found |= leaves(nested, f"{path}.")
        return found

    config = encode_options(EVERY_OPTION)
    unset = {
        path
        for path in leaves(pb.SpeechConfig.DESCRIPTOR)
        if not path.startswith("sampling.fine.top")  # The fine stage has none.
    }
    for path in sorted(unset):
        message = config
        *parents, name = path.split(".")
        for parent in parents:
            message = getattr(message, parent)
        assert name in {field.name for field, _ in message.ListFields()}, path


@pytest.mark.parametrize(
    "options",
    [
        {"encoding": "mp3"},
        {"seed": -1},
        {"seed": "1"},
        {"sample_rate_hz": 1 << 40},
        {"voice": 3},
        {"latency_mode": "unspecified"},
        {"pause_ms": "long"},
        {"speed": 2.0},
    ],
)
async def test_wrong_options_never_leave(client: SpeechClient, options: SpeechOptions) -> None:
    with pytest.raises(OptionError) as caught:
        client.stream(TEXT, **options)
    assert next(iter(options)) in caught.value.message
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT


async def test_text_of_another_type_is_refused(client: SpeechClient) -> None:
    with pytest.raises(OptionError, match="str"):
        await client.synthesize(b"bytes")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match=r"stream\(\)"):
        client.converse("whole text")  # type: ignore[arg-type]


async def test_text_that_utf_8_cannot_hold_is_refused_here(client: SpeechClient) -> None:
    half = "cut \ud83d off"
    for call in (
        lambda: client.synthesize(half),
        lambda: anext(client.stream(half)),
        lambda: anext(client.converse(deltas(half))),
        lambda: client.get_voice(half),
        lambda: client.list_voices(language_code=half),
    ):
        with pytest.raises(OptionError, match="position 4"):
            await call()
    async with client.session() as session:
        with pytest.raises(OptionError, match="context_id"):
            session.context(half)
        context = session.context()
        with pytest.raises(OptionError, match="position 4"):
            await context.append(half)
        with pytest.raises(OptionError, match="flush_id"):
            await context.flush(half)
        with pytest.raises(OptionError, match="length of time"):
            await context.cancel(played_s=float("nan"))
        # Nothing of it was sent, and the context is as before.
        await context.append("Hello there.")
        await context.finish()
        assert isinstance([event async for event in context][-1], Completed)


async def test_voices() -> None:
    names = (*(f"v{number:03}/en" for number in range(250)), "z/de")
    async with FakeSpeechServer(voices=names) as server, SpeechClient.connect(server.target) as c:
        voices = await c.list_voices()  # Three pages
        assert tuple(voice.name for voice in voices) == names
        assert [voice.name for voice in voices if voice.is_default] == ["v000/en"]
        assert [voice.name for voice in await c.list_voices(language_code="de")] == ["z/de"]
        assert (await c.get_voice("z/de")).language_code == "de"
        with pytest.raises(NotFoundError):
            await c.get_voice("nobody")


async def test_server_info(client: SpeechClient) -> None:
    info = await client.server_info()
    assert info.model.name == "fake"
    assert info.limits.max_synthesize_characters == 2_000
    assert "pcm_s16le" in info.encodings


async def test_a_client_closed_meanwhile_says_so(
    server: FakeSpeechServer, client: SpeechClient
) -> None:
    server.script = FakeScript(serving=False)
    waiting = asyncio.create_task(client.wait_ready(20))
    await asyncio.sleep(0.1)
    await client.aclose()
    with pytest.raises((ClosedError, CallCancelledError)):
        await waiting


async def test_wait_ready_waits_for_serving(server: FakeSpeechServer, client: SpeechClient) -> None:
    server.script = FakeScript(serving=False)
    with pytest.raises(UnavailableError, match="status 2"):
        await client.wait_ready(0.2)
    waiting = asyncio.create_task(client.wait_ready(30))
    await asyncio.sleep(0)
    server.script = FakeScript()
    await waiting


async def test_wait_ready_waits_for_a_server_that_is_not_there_yet() -> None:
    server = FakeSpeechServer()
    await server.start()
    port = int(server.target.rpartition(":")[2])
    await server.stop()
    async with SpeechClient.connect(server.target) as client:
        with pytest.raises(UnavailableError):
            await client.wait_ready(0.1)
        await server.start(port)
        await client.wait_ready(30)
    await server.stop()


async def test_a_closed_client_says_so(server: FakeSpeechServer) -> None:
    client = SpeechClient.connect(server.target)
    await client.synthesize("Hi.")
    await client.aclose()
    await client.aclose()
    with pytest.raises(ClosedError, match="connect again"):
        await client.synthesize("Hi.")


async def test_closing_the_client_ends_open_streams(
    server: FakeSpeechServer, client: SpeechClient
) -> None:
    server.gate.close()
    stream = client.stream(TEXT)
    await anext(stream)
    waiting = asyncio.ensure_future(anext(stream.audio()))
    await asyncio.sleep(0.01)
    await client.aclose()
    with pytest.raises(SpeechError):
        await waiting
    await server.wait_idle()

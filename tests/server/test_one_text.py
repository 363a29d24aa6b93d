"""Synthesize and StreamSynthesize over a real socket."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf.duration_pb2 import Duration

from bark_core.backends.fake.script import Cost, FakeScript
from bark_core.checkpoints import open_checkpoint
from bark_core.engine.interface import Engine, EngineLimits
from bark_core.engine.thread import ThreadEngine
from barkstream.v1 import audio_pb2, server_service_pb2
from barkstream.v1 import speech_service_pb2 as pb
from tests.support.serving import (
    LONG_TEXT,
    SENTENCE,
    Served,
    conversation,
    eventually,
    failure,
    fake_spec,
    kinds,
    rich_failure,
    served,
)


def _config(**fields: Any) -> pb.SpeechConfig:
    return pb.SpeechConfig(**fields)


SEEDED = pb.SpeechConfig(sampling=audio_pb2.SamplingConfig(seed=7))


async def test_the_whole_audio_comes_with_its_segments_and_receipt() -> None:
    async with served() as target:
        answer = await target.speech.Synthesize(
            pb.SynthesizeRequest(text=f"{SENTENCE} {SENTENCE}" * 4, config=SEEDED)
        )
        pcm = np.frombuffer(answer.audio, "<i2")
        assert pcm.size == answer.usage.samples > 0
        assert pcm.any()
        assert answer.usage.audio_duration.ToMilliseconds() == pcm.size // 24
        assert answer.receipt.seed == 7
        assert answer.receipt.model == "noise"
        assert answer.audio_format.sample_rate_hz == 24_000
        assert answer.audio_format.encoding == audio_pb2.AUDIO_ENCODING_PCM_S16LE
        assert len(answer.segments) == answer.usage.utterances > 1
        places = [(item.start_sample, item.sample_count) for item in answer.segments]
        assert places[0][0] == 0
        assert sum(places[-1]) == pcm.size
        assert all(sum(left) <= right[0] for left, right in itertools.pairwise(places))
        assert answer.timing.HasField("first_audio")


async def test_a_stream_brings_the_same_samples_as_the_whole() -> None:
    async with served() as target:
        whole = await target.speech.Synthesize(pb.SynthesizeRequest(text=LONG_TEXT, config=SEEDED))
        messages = [
            message
            async for message in target.speech.StreamSynthesize(
                pb.StreamSynthesizeRequest(text=LONG_TEXT, config=SEEDED)
            )
        ]
        audio = [message.audio for message in messages if message.HasField("audio")]
        assert b"".join(chunk.data for chunk in audio) == whole.audio
        assert messages[0].WhichOneof("event") == "started"
        assert messages[-1].completed.usage == whole.usage
        assert messages[-1].completed.receipt == whole.receipt
        assert [chunk.chunk_index for chunk in audio] == list(range(len(audio)))
        position = 0
        for chunk in audio:
            assert chunk.start_sample == position
            assert len(chunk.data) == 2 * chunk.sample_count
            position += chunk.sample_count
        starts = {item.segment.index: item.start_sample for item in whole.segments}
        for chunk in audio:
            later = [index for index, start in starts.items() if start <= chunk.start_sample]
            assert chunk.segment_index == max(later)


@pytest.mark.parametrize(
    ("encoding", "rate_hz", "sample_bytes", "header"),
    [
        (audio_pb2.AUDIO_ENCODING_PCM_F32LE, 16_000, 4, b""),
        (audio_pb2.AUDIO_ENCODING_MULAW, 8_000, 1, b""),
        (audio_pb2.AUDIO_ENCODING_ALAW, 8_000, 1, b""),
        (audio_pb2.AUDIO_ENCODING_WAV, 44_100, 2, b"RIFF"),
        (audio_pb2.AUDIO_ENCODING_OGG_OPUS, 48_000, None, b"OggS"),
    ],
)
async def test_every_encoding_is_offered_by_both_methods(
    encoding: audio_pb2.AudioEncoding, rate_hz: int, sample_bytes: int | None, header: bytes
) -> None:
    config = _config(
        audio_format=audio_pb2.AudioFormat(
            encoding=encoding, sample_rate_hz=rate_hz, chunk_duration=Duration(nanos=40_000_000)
        ),
        sampling=audio_pb2.SamplingConfig(seed=7),
    )
    async with served() as target:
        whole = await target.speech.Synthesize(pb.SynthesizeRequest(text=SENTENCE, config=config))
        messages = [
            message
            async for message in target.speech.StreamSynthesize(
                pb.StreamSynthesizeRequest(text=SENTENCE, config=config)
            )
        ]
    stream = [message.audio for message in messages if message.HasField("audio")]
    # Only the header of a WAV differs: one tells its length.
    start = 44 if header == b"RIFF" else 0
    assert b"".join(chunk.data for chunk in stream)[start:] == whole.audio[start:]
    assert messages[-1].completed.usage == whole.usage
    assert whole.audio.startswith(header)
    assert stream[0].data.startswith(header)
    assert whole.audio_format == config.audio_format
    if sample_bytes is not None:
        extra = 44 if header else 0
        assert len(whole.audio) - extra == sample_bytes * whole.usage.samples
        assert sum(len(chunk.data) for chunk in stream) == len(whole.audio)
        chunk_samples = round(0.04 * rate_hz)
        assert all(chunk.sample_count == chunk_samples for chunk in stream[:-1])


# Each of an odd number of pauses ends half way between two samples of 22050 Hz, and the whole with
# them: after an even sample with one of the lengths, after an odd one with the other.
@pytest.mark.parametrize("pause_samples", [3_600, 3_760])
async def test_samples_are_counted_as_they_are_resampled(pause_samples: int) -> None:
    text = " ".join(LONG_TEXT.split(". ")[:2]) + ". " + SENTENCE
    async with served(pause_s=pause_samples / 24_000) as target:
        config = _config(
            audio_format=audio_pb2.AudioFormat(sample_rate_hz=22_050),
            sampling=audio_pb2.SamplingConfig(seed=3),
        )
        answer = await target.speech.Synthesize(pb.SynthesizeRequest(text=text, config=config))
    assert answer.usage.utterances % 2 == 0
    last = answer.segments[-1]
    assert len(answer.audio) // 2 == answer.usage.samples == last.start_sample + last.sample_count


async def test_the_first_message_tells_what_is_in_effect() -> None:
    async with served(pause_s=0.3, latency_mode="exact") as target:
        config = _config(
            voice=audio_pb2.VoiceSelection(name="en_speaker_1"),
            sampling=audio_pb2.SamplingConfig(
                seed=2**63 - 1, semantic=audio_pb2.StageSampling(temperature=0.5, top_k=20)
            ),
        )
        call = target.speech.StreamSynthesize(
            pb.StreamSynthesizeRequest(text=SENTENCE, config=config)
        )
        started = (await call.read()).started
        effective = started.effective_config
        assert started.receipt.seed == effective.sampling.seed == 2**63 - 1
        assert effective.voice.name == started.receipt.voice == "v2/en_speaker_1"
        assert effective.voice.continuity == audio_pb2.VOICE_CONTINUITY_PROMPT
        assert effective.audio_format.encoding == audio_pb2.AUDIO_ENCODING_PCM_S16LE
        assert effective.audio_format.sample_rate_hz == 24_000
        assert effective.sampling.semantic.temperature == 0.5
        assert effective.sampling.semantic.top_k == 20
        assert not effective.sampling.semantic.HasField("top_p")
        assert effective.sampling.fine.temperature == 0.5
        assert effective.sampling.latency_mode == audio_pb2.LATENCY_MODE_EXACT
        assert effective.sampling.HasField("min_eos_probability")
        assert effective.sampling.max_utterance_duration.ToMilliseconds() == 15_390
        assert effective.segmentation.max_utterance_tokens == 37
        assert effective.segmentation.pause.ToMilliseconds() == 300
        assert not effective.delivery.HasField("max_lead")
        assert effective.delivery.max_hold.ToMilliseconds() == 500


async def test_the_same_seed_gives_the_same_audio_and_a_drawn_one_is_reported() -> None:
    async with served() as target:
        first = await target.speech.Synthesize(pb.SynthesizeRequest(text=SENTENCE))
        again = await target.speech.Synthesize(
            pb.SynthesizeRequest(
                text=SENTENCE,
                config=_config(sampling=audio_pb2.SamplingConfig(seed=first.receipt.seed)),
            )
        )
        assert first.audio == again.audio


async def test_first_audio_arrives_while_the_rest_cannot_have_been_made() -> None:
    async with served() as target:
        assert target.gate is not None
        target.gate.hold("CodecDecode", after=1)
        call = target.speech.StreamSynthesize(pb.StreamSynthesizeRequest(text=LONG_TEXT))
        while (message := await call.read()).WhichOneof("event") != "audio":
            pass
        assert message.audio.sample_count > 0
        assert target.gate.executed["CodecDecode"] == 1
        target.gate.release()
        events = [message.WhichOneof("event") async for message in _rest(call)]
        assert events[-1] == "completed"


async def _rest(call: Any) -> AsyncIterator[Any]:
    while (message := await call.read()) is not grpc.aio.EOF:
        yield message


async def test_a_silent_server_says_that_it_is_alive() -> None:
    async with served(heartbeat_s=0.1) as target:
        assert target.gate is not None
        target.gate.hold("SemanticStep", after=3)
        call = target.speech.StreamSynthesize(pb.StreamSynthesizeRequest(text=SENTENCE))
        assert (await call.read()).HasField("started")
        for _ in range(3):
            assert (await call.read()).HasField("progress")
        target.gate.release()
        events = [message.WhichOneof("event") async for message in _rest(call)]
        assert events[-1] == "completed"


async def test_news_that_brings_no_message_does_not_silence_the_heartbeat() -> None:
    """The engine tells of its progress more often than the heartbeat is due."""
    script = FakeScript(costs=(("SemanticStep", Cost(batch_s=0.03)),))
    limits = EngineLimits(progress_interval_s=0.01)

    def engine() -> Engine:
        return ThreadEngine(fake_spec(fake=script), open_checkpoint("noise").config, limits)

    async with served(engine, heartbeat_s=0.1) as target:
        call = target.speech.StreamSynthesize(pb.StreamSynthesizeRequest(text=SENTENCE))
        events: list[str] = []
        while not events or events[-1] != "audio":
            events.append((await call.read()).WhichOneof("event"))
        assert "progress" in events
        call.cancel()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "TEXT_EMPTY"),
        ("Hello\x07 there.", "TEXT_INVALID"),
        ("   \n\t ", "TEXT_EMPTY"),
        ("!!! ... ???", "TEXT_UNSPEAKABLE"),
        ("\U0001f600\U0001f600", "TEXT_UNSPEAKABLE"),
        ("a" * 2001, "TEXT_TOO_LONG"),
    ],
)
@pytest.mark.parametrize("method", ["Synthesize", "StreamSynthesize"])
async def test_text_that_cannot_be_spoken_is_refused_before_any_work(
    method: str, text: str, reason: str
) -> None:
    async with served(max_text_characters=2000) as target:
        request = pb.SynthesizeRequest if method == "Synthesize" else pb.StreamSynthesizeRequest
        status = await failure(getattr(target.speech, method)(request(text=text)))
        assert status.code is grpc.StatusCode.INVALID_ARGUMENT
        assert status.field == "text"
        assert status.reason == reason
        assert target.gate is not None
        assert not target.gate.executed


async def test_an_unknown_voice_is_not_found_and_near_names_are_told() -> None:
    async with served() as target:
        config = _config(voice=audio_pb2.VoiceSelection(name="v2/en_speaker_11"))
        status = await failure(
            target.speech.Synthesize(pb.SynthesizeRequest(text=SENTENCE, config=config))
        )
        assert status.code is grpc.StatusCode.NOT_FOUND
        assert status.reason == "VOICE_NOT_FOUND"
        assert status.resource == "v2/en_speaker_11"
        assert "v2/en_speaker_1" in status.message


async def test_a_damaged_voice_file_is_the_servers_fault_and_the_others_speak(
    tmp_path: Path,
) -> None:
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 but not a zip file")
    async with served(voices_dir=tmp_path) as target:
        broken = pb.SpeechConfig(voice=audio_pb2.VoiceSelection(name="broken"))
        status = await failure(
            target.speech.Synthesize(pb.SynthesizeRequest(text=SENTENCE, config=broken))
        )
        assert status.code is grpc.StatusCode.INTERNAL
        assert "incident" in status.message
        assert str(tmp_path) not in status.message
        assert (await target.speech.Synthesize(pb.SynthesizeRequest(text=SENTENCE))).audio


async def test_a_full_engine_refuses_with_a_moment_to_come_back() -> None:
    async with served(slots=1, max_waiting=1) as target:
        assert target.gate is not None
        target.gate.hold("SemanticStep")
        async with conversation(target) as talk:
            for context_id in ("runs", "waits"):
                await talk.append(context_id, SENTENCE)
                await talk.finish(context_id)
                await talk.until("context_started", context_id)
                expected = 1 if context_id == "waits" else 0
                await eventually(partial(_waiting, target, expected))
            for call in (
                target.speech.Synthesize(pb.SynthesizeRequest(text=SENTENCE)),
                target.speech.StreamSynthesize(pb.StreamSynthesizeRequest(text=SENTENCE)),
            ):
                status = await failure(call)
                assert status.code is grpc.StatusCode.RESOURCE_EXHAUSTED
                assert status.retry_s is not None
                assert status.retry_s > 0
            await talk.append("refused", SENTENCE)
            await talk.finish("refused")
            failed = (await talk.until("failed"))[-1]
            assert failed.context_id == "refused"
            refused = rich_failure(failed.failed)
            assert refused.code is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert refused.retry_s is not None
            target.gate.release()
            await talk.half_close()
            assert kinds(await talk.rest()).count("completed") == 2
        await target.settled()
        assert (await target.speech.Synthesize(pb.SynthesizeRequest(text=SENTENCE))).audio


def _waiting(target: Served, count: int) -> bool:
    load = target.engine.load()
    return load.running == 1 and load.waiting == count


async def test_a_text_of_more_utterances_than_may_wait_is_spoken_all_the_same() -> None:
    async with served(slots=1, max_waiting=0) as target:
        answer = await target.speech.Synthesize(pb.SynthesizeRequest(text=LONG_TEXT))
        assert answer.usage.utterances == 12


async def test_sessions_over_the_limit_are_refused_and_questions_are_not() -> None:
    async with served(max_sessions=2) as target, conversation(target), conversation(target):
        status = await failure(target.speech.Synthesize(pb.SynthesizeRequest(text=SENTENCE)))
        assert status.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert status.reason == "SESSION_LIMIT"
        about = await target.info.GetServerInfo(server_service_pb2.GetServerInfoRequest())
        assert about.model.name == "noise"


async def test_no_metadata_is_sent_before_admission() -> None:
    """Headers commit a call: a client with a retry policy could not try another server."""
    async with served(max_sessions=1) as target, conversation(target):
        call = target.speech.StreamSynthesize(pb.StreamSynthesizeRequest(text=SENTENCE))
        await failure(call)
        trailers = dict(await call.trailing_metadata())
        assert int(trailers["grpc-retry-pushback-ms"]) > 0
        # Trailers-only: the call has no initial metadata of its own.
        assert not dict(await call.initial_metadata())


async def test_a_long_text_does_not_hold_up_the_event_loop() -> None:
    async with served(max_text_characters=20_000) as target:
        text = ("word " * 4000)[:20_000]
        call = target.speech.StreamSynthesize(pb.StreamSynthesizeRequest(text=text))
        turns = 0

        async def count_turns() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        counter = asyncio.ensure_future(count_turns())
        assert (await call.read()).HasField("started")
        counter.cancel()
        call.cancel()
        # The text is taken in pieces of 256 code points, and others run between any two.
        assert turns > 20_000 // 256


async def test_a_unix_socket_serves_as_well(tmp_path: Path) -> None:
    async with served(listen=f"unix:{tmp_path}/s") as target:
        assert target.server.address == f"unix:{tmp_path}/s"
        assert (await target.speech.Synthesize(pb.SynthesizeRequest(text=SENTENCE))).audio

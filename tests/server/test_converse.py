"""Converse sessions over a real socket."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from barkstream.v1 import audio_pb2
from barkstream.v1 import speech_service_pb2 as pb
from tests.support.serving import (
    LONG_TEXT,
    SENTENCE,
    Conversation,
    conversation,
    eventually,
    kinds,
    served,
)

SEEDED = pb.SpeechConfig(sampling=audio_pb2.SamplingConfig(seed=7))
TERMINAL = ("completed", "cancelled", "failed")


def _seconds(value: float) -> Duration:
    return Duration(seconds=int(value), nanos=round(value % 1 * 1e9))


async def test_a_context_from_its_first_word_to_its_end() -> None:
    async with served() as target, conversation(target, config=SEEDED) as talk:
        for delta in ("Hello ", "there my ", "friend. And", " good bye to you."):
            await talk.append("a", delta)
        await talk.finish("a")
        messages = await talk.until("completed")
        assert {message.context_id for message in messages} == {"a"}
        events = kinds(messages)
        assert events[0] == "context_started"
        assert events.index("segment_started") < events.index("audio")
        segments = [m.segment_started.segment for m in messages if m.HasField("segment_started")]
        assert [segment.index for segment in segments] == list(range(len(segments)))
        completed = messages[-1].completed
        assert completed.receipt.seed == messages[0].context_started.receipt.seed == 7
        assert completed.usage.text_characters == len("Hello there my friend. And good bye to you.")
        audio = [message.audio for message in messages if message.HasField("audio")]
        assert sum(chunk.sample_count for chunk in audio) == completed.usage.samples > 0
        assert completed.timing.HasField("first_audio")
        await talk.half_close()
        assert await talk.rest() == []
        assert await talk.code() is grpc.StatusCode.OK


async def test_the_session_tells_its_limits_and_defaults_first() -> None:
    limits: dict[str, Any] = {"max_contexts_per_session": 3, "max_text_characters": 5000}
    async with served(**limits, max_lead_s=20.0) as target:
        call = target.speech.Converse()
        talk = Conversation(call)
        config = pb.SpeechConfig(audio_format=audio_pb2.AudioFormat(sample_rate_hz=16_000))
        await talk.send(open=pb.OpenSession(config=config))
        message = await talk.receive()
        assert message is not None
        opened = message.session_opened
        assert opened.max_contexts == 3
        assert opened.max_text_characters == 5000
        assert opened.native_sample_rate_hz == 24_000
        assert opened.session_id
        assert opened.effective_config.audio_format.sample_rate_hz == 16_000
        assert opened.effective_config.delivery.max_lead.seconds == 20
        # Every context draws its own.
        assert not opened.effective_config.sampling.HasField("seed")
        call.cancel()


async def test_a_context_may_override_the_sessions_config() -> None:
    session = pb.SpeechConfig(
        audio_format=audio_pb2.AudioFormat(sample_rate_hz=16_000),
        segmentation=audio_pb2.SegmentationConfig(pause=_seconds(0.5)),
    )
    override = pb.SpeechConfig(
        audio_format=audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_MULAW),
        segmentation=audio_pb2.SegmentationConfig(pause=_seconds(2)),
        voice=audio_pb2.VoiceSelection(name="none"),
    )
    async with served() as target, conversation(target, config=session) as talk:
        await talk.append("own", SENTENCE, config=override)
        await talk.append("plain", SENTENCE)
        await talk.half_close()
        messages = await talk.rest()
    effective = {
        message.context_id: message.context_started.effective_config
        for message in messages
        if message.HasField("context_started")
    }
    assert effective["own"].audio_format.encoding == audio_pb2.AUDIO_ENCODING_MULAW
    assert effective["own"].audio_format.sample_rate_hz == 16_000
    assert effective["own"].segmentation.pause == _seconds(2)
    assert effective["own"].voice.name == "none"
    assert effective["plain"].audio_format.encoding == audio_pb2.AUDIO_ENCODING_PCM_S16LE
    assert effective["plain"].segmentation.pause == _seconds(0.5)
    own = [m.audio for m in messages if m.context_id == "own" and m.HasField("audio")]
    assert all(len(chunk.data) == chunk.sample_count for chunk in own)


async def test_contexts_of_one_session_speak_at_the_same_time() -> None:
    async with served() as target, conversation(target) as talk:
        assert target.gate is not None
        target.gate.hold("SemanticPrefill")
        for context_id in "abc":
            await talk.append(context_id, SENTENCE)
            await talk.finish(context_id)
        load = target.engine.load
        await eventually(lambda: load().running + load().waiting == 3)
        target.gate.release()
        await talk.half_close()
        messages = await talk.rest()
    for context_id in "abc":
        assert kinds(messages, context_id)[-1] == "completed"
        position = 0
        for message in messages:
            if message.context_id == context_id and message.HasField("audio"):
                assert message.audio.start_sample == position
                position += message.audio.sample_count
    first_end = kinds(messages).index("completed")
    assert {m.context_id for m in messages[:first_end] if m.HasField("audio")} == set("abc")


async def test_text_is_spoken_before_it_is_complete() -> None:
    async with served() as target, conversation(target) as talk:
        await talk.append("a", "This sentence is complete. And this one is not yet")
        messages = await talk.until("audio")
        assert messages[-1].audio.sample_count > 0
        await talk.append("a", " complete either.")
        await talk.finish("a")
        await talk.until("completed")


async def test_flush_speaks_what_is_buffered_and_tells_when_it_is_out() -> None:
    async with served() as target, conversation(target) as talk:
        await talk.append("a", "no full stop yet")
        await talk.send("a", flush=pb.FlushText(flush_id="first"))
        messages = await talk.until("flushed")
        flushed = messages[-1].flushed
        assert flushed.flush_id == "first"
        audio = [message.audio for message in messages if message.HasField("audio")]
        sent = sum(chunk.sample_count for chunk in audio)
        assert sent > 0
        assert flushed.audio_sent == _seconds(sent / 24_000)
        await talk.append("a", " and more words")
        await talk.send("a", flush=pb.FlushText(flush_id="second"))
        assert (await talk.until("flushed"))[-1].flushed.flush_id == "second"
        await talk.finish("a")
        await talk.until("completed")


async def test_a_flushed_utterance_comes_whole_whatever_the_chunk_length() -> None:
    """Nothing of the last word waits in a chunker or resampler for text that may never come."""
    config = pb.SpeechConfig(
        audio_format=audio_pb2.AudioFormat(sample_rate_hz=44_100, chunk_duration=_seconds(2)),
        sampling=audio_pb2.SamplingConfig(seed=7),
    )
    async with served() as target, conversation(target, config=config) as talk:
        await talk.append("a", SENTENCE)
        await talk.send("a", flush=pb.FlushText(flush_id="f"))
        messages = await talk.until("flushed")
        sent = sum(m.audio.sample_count for m in messages if m.HasField("audio"))
        await talk.finish("a")
        completed = (await talk.until("completed"))[-1].completed
        assert sent == completed.usage.samples > 0


async def test_cancel_is_answered_while_the_model_is_busy_and_nothing_follows() -> None:
    async with served() as target, conversation(target) as talk:
        assert target.gate is not None
        await talk.append("a", LONG_TEXT)
        await talk.until("audio")
        target.gate.hold("SemanticStep")
        # The model now cannot make one more step: the answer must not need it.
        await talk.send("a", cancel=pb.CancelContext())
        report = (await talk.until("cancelled"))[-1].cancelled
        assert report.text_spoken + report.text_remaining == LONG_TEXT
        assert not report.played_reported
        assert report.audio_sent.ToNanoseconds() > 0
        assert report.played.ToNanoseconds() <= report.audio_sent.ToNanoseconds()
        target.gate.release()
        await target.engine_idle()
        await talk.append("b", SENTENCE)
        await talk.half_close()
        rest = await talk.rest()
        assert {message.context_id for message in rest} == {"b"}
        assert kinds(rest)[-1] == "completed"


async def test_cancel_tells_what_was_heard_as_reported() -> None:
    async with served() as target, conversation(target) as talk:
        assert target.gate is not None
        text = "One two three four five. Six seven eight nine ten."
        await talk.append("a", text)
        await talk.send("a", flush=pb.FlushText(flush_id="f"))
        sent = (await talk.until("flushed"))[-1].flushed.audio_sent
        half_s = sent.ToNanoseconds() / 2e9
        await talk.send("a", cancel=pb.CancelContext(played=_seconds(half_s)))
        report = (await talk.until("cancelled"))[-1].cancelled
        assert report.played_reported
        assert report.played.ToMilliseconds() == pytest.approx(half_s * 1000, abs=1)
        assert report.audio_sent == sent
        assert report.text_spoken + report.text_remaining == text
        assert 0 < len(report.text_spoken) < len(text)


async def test_an_id_may_be_used_again_after_its_end() -> None:
    async with served() as target, conversation(target) as talk:
        for _ in range(3):
            await talk.append("", SENTENCE)
            await talk.finish("")
            messages = await talk.until("completed")
            assert kinds(messages)[0] == "context_started"
            assert next(m for m in messages if m.HasField("audio")).audio.start_sample == 0


async def test_half_close_speaks_what_was_given_and_ends_ok() -> None:
    async with served() as target, conversation(target) as talk:
        await talk.append("a", LONG_TEXT)
        await talk.append("b", "no full stop at the end")
        await talk.half_close()
        messages = await talk.rest()
        assert kinds(messages, "a")[-1] == kinds(messages, "b")[-1] == "completed"
        assert await talk.code() is grpc.StatusCode.OK
        await target.settled()


async def test_late_messages_for_an_ended_context_are_no_mistake() -> None:
    async with served() as target, conversation(target) as talk:
        await talk.append("a", SENTENCE)
        await talk.finish("a")
        await talk.until("completed")
        await talk.send("a", cancel=pb.CancelContext())
        await talk.send("a", playback=pb.ReportPlayback(played=_seconds(1)))
        await talk.send("a", flush=pb.FlushText(flush_id="f"))
        await talk.finish("a")
        await talk.half_close()
        assert await talk.rest() == []


async def test_a_silent_session_sends_heartbeats_only_while_a_context_lives() -> None:
    async with served() as target:
        interval = _seconds(0.1)
        async with conversation(target, heartbeat_interval=interval) as talk:
            await talk.append("a", "word")
            assert kinds([m for m in [await talk.receive()] if m]) == ["context_started"]
            for _ in range(3):
                assert kinds(await talk.until("progress", "a")) == ["progress"]
            await talk.send("a", cancel=pb.CancelContext())
            await talk.until("cancelled")
            assert await talk.within(0.4) == []


async def test_a_session_is_closed_for_idleness_only_if_it_asked_for_that() -> None:
    async with served() as target:
        async with conversation(target) as patient:
            async with conversation(target, idle_timeout=_seconds(1)) as talk:
                status = await talk.failure()
                assert status.code is grpc.StatusCode.ABORTED
                assert status.reason == "IDLE_TIMEOUT"
            await patient.append("a", SENTENCE)
            await patient.half_close()
            assert kinds(await patient.rest())[-1] == "completed"
        await target.settled()


async def test_keepalive_and_speech_keep_a_session_from_being_idle() -> None:
    async with served() as target, conversation(target, idle_timeout=_seconds(1)) as talk:
        assert target.gate is not None
        for _ in range(8):
            await asyncio.sleep(0.2)
            await talk.send(keepalive=pb.Keepalive())
        target.gate.hold("SemanticStep")
        await talk.append("a", SENTENCE)
        await talk.finish("a")
        await asyncio.sleep(1.5)
        target.gate.release()
        await talk.until("completed")
        assert (await talk.failure()).reason == "IDLE_TIMEOUT"

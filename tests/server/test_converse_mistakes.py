"""Mistakes in Converse sessions, over a real socket: what each of them ends."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from barkstream.v1 import audio_pb2
from barkstream.v1 import speech_service_pb2 as pb
from tests.support.serving import (
    SENTENCE,
    Conversation,
    conversation,
    kinds,
    rich_failure,
    served,
)

SEEDED = pb.SpeechConfig(sampling=audio_pb2.SamplingConfig(seed=7))
TERMINAL = ("completed", "cancelled", "failed")


def _seconds(value: float) -> Duration:
    return Duration(seconds=int(value), nanos=round(value % 1 * 1e9))


@pytest.mark.parametrize(
    ("request_", "field", "code", "reason"),
    [
        ({"append": pb.AppendText(text="a\x00b")}, "append.text", "INVALID_ARGUMENT", None),
        ({"append": pb.AppendText(text="x" * 5001)}, "append.text", "INVALID_ARGUMENT", None),
        (
            {
                "append": pb.AppendText(
                    config=pb.SpeechConfig(audio_format=audio_pb2.AudioFormat(sample_rate_hz=7))
                )
            },
            "append.config.audio_format.sample_rate_hz",
            "INVALID_ARGUMENT",
            "AUDIO_FORMAT_UNSUPPORTED",
        ),
        (
            {
                "append": pb.AppendText(
                    config=pb.SpeechConfig(voice=audio_pb2.VoiceSelection(name="nobody"))
                )
            },
            "",
            "NOT_FOUND",
            "VOICE_NOT_FOUND",
        ),
        ({"finish": pb.FinishContext()}, "", "NOT_FOUND", "CONTEXT_NOT_FOUND"),
        ({"flush": pb.FlushText()}, "", "NOT_FOUND", "CONTEXT_NOT_FOUND"),
        ({"cancel": pb.CancelContext()}, "", "NOT_FOUND", "CONTEXT_NOT_FOUND"),
        ({"playback": pb.ReportPlayback()}, "", "NOT_FOUND", "CONTEXT_NOT_FOUND"),
    ],
)
async def test_what_is_wrong_with_a_context_fails_it_alone(
    request_: dict[str, Any], field: str, code: str, reason: str | None
) -> None:
    limits: dict[str, Any] = {"max_text_characters": 5000}
    async with served(**limits) as target, conversation(target) as talk:
        await talk.append("good", SENTENCE)
        await talk.send("bad", **request_)
        failed = (await talk.until("failed"))[-1]
        assert failed.context_id == "bad"
        status = rich_failure(failed.failed)
        assert status.code is grpc.StatusCode[code]
        assert status.field == field
        assert reason in (None, status.reason)
        await talk.half_close()
        messages = await talk.rest()
        assert kinds(messages, "good")[-1:] != ["failed"]
        assert kinds(messages, "bad") == []
        assert await talk.code() is grpc.StatusCode.OK


@pytest.mark.parametrize(
    ("then", "code", "reason"),
    [
        ({"append": pb.AppendText(text="more")}, "FAILED_PRECONDITION", "CONTEXT_FINISHED"),
        ({"finish": pb.FinishContext()}, "FAILED_PRECONDITION", "CONTEXT_FINISHED"),
        ({"flush": pb.FlushText()}, "FAILED_PRECONDITION", "CONTEXT_FINISHED"),
        ({"append": pb.AppendText(config=SEEDED)}, "INVALID_ARGUMENT", "OPTION_INVALID"),
        ({"flush": pb.FlushText(flush_id="x" * 65)}, "INVALID_ARGUMENT", "INVALID_REQUEST"),
        (
            {"playback": pb.ReportPlayback(played=Duration(seconds=-1))},
            "INVALID_ARGUMENT",
            "OPTION_INVALID",
        ),
        ({"playback": pb.ReportPlayback()}, "INVALID_ARGUMENT", "INVALID_REQUEST"),
        (
            {"cancel": pb.CancelContext(played=Duration(seconds=-1))},
            "INVALID_ARGUMENT",
            "OPTION_INVALID",
        ),
    ],
)
async def test_messages_that_come_at_the_wrong_moment_fail_their_context(
    then: dict[str, Any], code: str, reason: str
) -> None:
    async with served() as target, conversation(target) as talk:
        assert target.gate is not None
        target.gate.hold("SemanticStep")
        await talk.append("a", SENTENCE)
        await talk.finish("a")
        await talk.send("a", **then)
        status = rich_failure((await talk.until("failed"))[-1].failed)
        assert status.code is grpc.StatusCode[code]
        assert status.reason == reason
        target.gate.release()
        await target.engine_idle()
        await talk.append("a", SENTENCE)
        await talk.finish("a")
        await talk.until("completed")


async def test_too_many_contexts_are_refused_one_by_one() -> None:
    async with served(max_contexts_per_session=2) as target, conversation(target) as talk:
        for context_id in "abc":
            await talk.append(context_id, "some words")
        failed = (await talk.until("failed"))[-1]
        assert failed.context_id == "c"
        status = rich_failure(failed.failed)
        assert status.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert status.reason == "CONTEXT_LIMIT"
        await talk.finish("a")
        await talk.until("completed", "a")
        await talk.append("c", SENTENCE)
        await talk.half_close()
        assert kinds(await talk.rest()).count("completed") == 2


@pytest.mark.parametrize(
    ("messages", "code", "reason", "field"),
    [
        (
            [pb.ConverseRequest(append=pb.AppendText(text="hi"))],
            "FAILED_PRECONDITION",
            "FIRST_MESSAGE_NOT_OPEN",
            "",
        ),
        ([pb.ConverseRequest()], "FAILED_PRECONDITION", "FIRST_MESSAGE_NOT_OPEN", ""),
        (
            [pb.ConverseRequest(open=pb.OpenSession())] * 2,
            "FAILED_PRECONDITION",
            "SESSION_ALREADY_OPEN",
            "",
        ),
        (
            [pb.ConverseRequest(open=pb.OpenSession()), pb.ConverseRequest(context_id="a")],
            "INVALID_ARGUMENT",
            "REQUEST_EMPTY",
            "",
        ),
        (
            [
                pb.ConverseRequest(open=pb.OpenSession()),
                pb.ConverseRequest(context_id="a b", append=pb.AppendText(text="hi")),
            ],
            "INVALID_ARGUMENT",
            "CONTEXT_ID_INVALID",
            "context_id",
        ),
        (
            [
                pb.ConverseRequest(open=pb.OpenSession()),
                pb.ConverseRequest(context_id="a" * 65, append=pb.AppendText(text="hi")),
            ],
            "INVALID_ARGUMENT",
            "CONTEXT_ID_INVALID",
            "context_id",
        ),
        (
            [pb.ConverseRequest(open=pb.OpenSession(idle_timeout=Duration(seconds=0)))],
            "INVALID_ARGUMENT",
            "OPTION_INVALID",
            "open.idle_timeout",
        ),
        (
            [pb.ConverseRequest(open=pb.OpenSession(heartbeat_interval=Duration(seconds=61)))],
            "INVALID_ARGUMENT",
            "OPTION_INVALID",
            "open.heartbeat_interval",
        ),
    ],
)
async def test_what_cannot_be_laid_to_a_context_ends_the_call(
    messages: list[pb.ConverseRequest], code: str, reason: str, field: str
) -> None:
    async with served() as target:
        call = target.speech.Converse()
        for message in messages:
            await call.write(message)
        status = await Conversation(call).failure()
        assert status.code is grpc.StatusCode[code]
        assert status.reason == reason
        assert status.field == field
        await target.settled()

"""What comes over the wire before and after any handler: broken, missing, late, too much."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from bark_core.errors import CapacityError, CheckpointError, EngineFailureError
from barkstream.v1 import speech_service_pb2 as pb
from barkstream_server.call import Call
from barkstream_server.methods import CallLimits, Handler, MethodTable
from barkstream_server.tracing import NoTracing
from tests.support.serving import SENTENCE, Served, eventually, failure, served

SPEECH = "/barkstream.v1.SpeechService"
METHODS = [
    f"{SPEECH}/Synthesize",
    f"{SPEECH}/StreamSynthesize",
    f"{SPEECH}/Converse",
    "/barkstream.v1.VoiceService/ListVoices",
    "/barkstream.v1.VoiceService/GetVoice",
    "/barkstream.v1.ServerService/GetServerInfo",
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
]


def _raw(target: Served, method: str) -> Any:
    """A call that sends bytes as they are, whenever it likes."""
    return target.channel.stream_stream(method)()


@pytest.mark.parametrize("method", METHODS)
async def test_a_call_without_a_message_is_told_so(method: str) -> None:
    async with served() as target:
        call = _raw(target, method)
        await call.done_writing()
        status = await failure(call)
        assert status.code is grpc.StatusCode.INVALID_ARGUMENT
        assert status.reason == "REQUEST_MISSING"


@pytest.mark.parametrize("method", METHODS)
async def test_a_call_whose_message_never_comes_does_not_wait_for_ever(method: str) -> None:
    async with served(first_message_timeout_s=0.1) as target:
        status = await failure(_raw(target, method))
        assert status.code is grpc.StatusCode.DEADLINE_EXCEEDED
        assert status.reason == "FIRST_MESSAGE_TIMEOUT"
        await target.settled()


@pytest.mark.parametrize(
    "content",
    [b"\xff\xff\xff", b"\x0a\x05\xff\xfe\xfd\xfc\xfb", b"\x0a\x7f" + b"secret", b"\x0a"],
    ids=["garbage", "not UTF-8", "truncated", "cut"],
)
@pytest.mark.parametrize("method", [f"{SPEECH}/Synthesize", f"{SPEECH}/StreamSynthesize"])
async def test_a_broken_message_is_refused_without_quoting_it(method: str, content: bytes) -> None:
    async with served() as target:
        call = _raw(target, method)
        await call.write(content)
        status = await failure(call)
        assert status.code is grpc.StatusCode.INVALID_ARGUMENT
        assert status.reason == "MESSAGE_MALFORMED"
        assert "secret" not in status.message


async def test_a_broken_message_in_a_session_ends_it() -> None:
    async with served() as target:
        call = _raw(target, f"{SPEECH}/Converse")
        await call.write(pb.ConverseRequest(open=pb.OpenSession()).SerializeToString())
        await call.read()
        await call.write(b"\x0a\x05\xff\xfe\xfd\xfc\xfb")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        await target.settled()


async def test_further_messages_of_a_call_with_one_request_are_ignored() -> None:
    async with served() as target:
        call = _raw(target, f"{SPEECH}/Synthesize")
        request = pb.SynthesizeRequest(text=SENTENCE).SerializeToString()
        await call.write(request)
        await call.write(b"\xff\xff")
        answer = pb.SynthesizeResponse.FromString(await call.read())
        assert answer.audio
        call.cancel()


async def test_a_message_over_the_limit_is_refused() -> None:
    async with served(max_message_bytes=4096) as target:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await target.speech.Synthesize(pb.SynthesizeRequest(text="a" * 5000))
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_metadata_over_the_limit_is_refused() -> None:
    async with served() as target:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await target.speech.Synthesize(
                pb.SynthesizeRequest(text=SENTENCE), metadata=(("x-big", "y" * 20_000),)
            )
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize("method", [f"{SPEECH}/Sing", "/nobody.v1.KnowsService/This"])
async def test_an_unknown_method_is_unimplemented(method: str) -> None:
    async with served() as target:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await _raw(target, method).read()
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


@asynccontextmanager
async def _serving(handler: Handler) -> AsyncIterator[Any]:
    """A server with one method of ours; yields what calls it."""
    server = grpc.aio.server()
    table = MethodTable(
        {"/test/Method": handler}, CallLimits(5.0, 5.0), lambda _: None, NoTracing()
    )
    server.add_generic_rpc_handlers((table,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield channel.unary_unary("/test/Method")
    finally:
        await server.stop(None)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("secret /models/path"),
        AssertionError("secret"),
        CheckpointError("secret /models/path"),
        asyncio.CancelledError("secret"),
    ],
)
async def test_nothing_internal_reaches_the_caller_and_the_log_knows_the_incident(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(_call: Call) -> None:
        raise error

    async with _serving(handler) as method:
        with caplog.at_level(logging.INFO):
            status = await failure(method(b"", timeout=20))
    assert status.code is grpc.StatusCode.INTERNAL
    assert "secret" not in status.message
    (record,) = [record for record in caplog.records if record.message == "incident"]
    fields: dict[str, Any] = record.fields  # type: ignore[attr-defined]
    assert fields["incident"] in status.message
    assert record.exc_info is not None
    assert record.exc_info[1] is error


async def test_a_task_that_was_cancelled_inside_does_not_leave_the_caller_waiting() -> None:
    """A CancelledError of our own making is no cancelled call."""

    async def handler(_call: Call) -> None:
        inner = asyncio.ensure_future(asyncio.sleep(60))
        asyncio.get_running_loop().call_soon(inner.cancel)
        await inner

    async with _serving(handler) as method:
        assert (await failure(method(b"", timeout=20))).code is grpc.StatusCode.INTERNAL


async def test_every_call_leaves_one_line_without_its_text(
    caplog: pytest.LogCaptureFixture,
) -> None:
    text = "Xylophone music is wonderful."
    with caplog.at_level(logging.DEBUG):
        async with served() as target:
            await target.speech.Synthesize(pb.SynthesizeRequest(text=text))
            await failure(target.speech.Synthesize(pb.SynthesizeRequest()))
            call = target.speech.StreamSynthesize(pb.StreamSynthesizeRequest(text=text))
            await call.read()
            call.cancel()
            await target.settled()
            await eventually(lambda: len(_lines(caplog)) == 3)
    done, refused, cancelled = _lines(caplog)
    assert done["code"] == "OK"
    assert done["method"] == f"{SPEECH}/Synthesize"
    assert done["utterances"] == 1
    assert done["audio_s"] > 0
    assert 0 < done["first_audio_s"] <= done["duration_s"]
    assert refused["code"] == "INVALID_ARGUMENT"
    assert refused["reason"] == "TEXT_EMPTY"
    assert cancelled["code"] == "CANCELLED"
    assert not [record for record in caplog.records if "ylophone" in str(vars(record))]


def _lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [vars(record)["fields"] for record in caplog.records if record.message == "call"]


async def test_a_failure_of_the_engine_keeps_its_remedy_and_names_the_incident(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def handler(_call: Call) -> None:
        raise EngineFailureError("no sound; try another seed", reason="NO_AUDIO") from OSError("x")

    async with _serving(handler) as method:
        status = await failure(method(b""))
    assert status.code is grpc.StatusCode.INTERNAL
    assert status.reason == "NO_AUDIO"
    assert status.message.startswith("no sound; try another seed (incident ")
    (record,) = [record for record in caplog.records if record.message == "incident"]
    assert vars(record)["fields"]["incident"] in status.message


async def test_an_error_with_a_remedy_reaches_the_caller_whole() -> None:
    async def handler(_call: Call) -> None:
        raise CapacityError("all places are taken; come back", retry_after_s=2.5, reason="FULL")

    async with _serving(handler) as method:
        status = await failure(method(b""))
    assert status.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert status.message == "all places are taken; come back"
    assert status.retry_s == 2.5
    assert status.reason == "FULL"

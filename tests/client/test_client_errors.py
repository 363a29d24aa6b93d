"""What goes wrong, and as what it is raised."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2

import barkstream_client.errors as errors_module
from barkstream.v1 import speech_service_pb2 as pb
from barkstream.v1.speech_service_pb2_grpc import (
    SpeechServiceServicer,
    add_SpeechServiceServicer_to_server,
)
from barkstream_client import (
    AbortedError,
    AccessError,
    Audio,
    CallCancelledError,
    ClientError,
    DeadlineError,
    FieldViolation,
    InvalidRequestError,
    NotFoundError,
    OutOfOrderError,
    ProtocolError,
    ServerFailureError,
    ServerFullError,
    SpeechClient,
    SpeechError,
    UnavailableError,
)
from barkstream_client.status import DETAILS_KEY, error_from_rpc, error_from_status
from barkstream_client.testing import FakeFailure, FakeScript, FakeSpeechServer

CODES: dict[grpc.StatusCode, type[SpeechError]] = {
    grpc.StatusCode.CANCELLED: CallCancelledError,
    grpc.StatusCode.UNKNOWN: ServerFailureError,
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequestError,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineError,
    grpc.StatusCode.NOT_FOUND: NotFoundError,
    grpc.StatusCode.ALREADY_EXISTS: OutOfOrderError,
    grpc.StatusCode.PERMISSION_DENIED: AccessError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ServerFullError,
    grpc.StatusCode.FAILED_PRECONDITION: OutOfOrderError,
    grpc.StatusCode.ABORTED: AbortedError,
    grpc.StatusCode.OUT_OF_RANGE: InvalidRequestError,
    grpc.StatusCode.UNIMPLEMENTED: ServerFailureError,
    grpc.StatusCode.INTERNAL: ServerFailureError,
    grpc.StatusCode.UNAVAILABLE: UnavailableError,
    grpc.StatusCode.DATA_LOSS: ServerFailureError,
    grpc.StatusCode.UNAUTHENTICATED: AccessError,
}


def rpc_error(
    code: grpc.StatusCode, details: str = "", trailing: tuple[tuple[str, Any], ...] = ()
) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(*trailing), details)


async def collect(source: AsyncIterator[object], into: list[object]) -> None:
    async for item in source:
        into.append(item)  # noqa: PERF401 - kept also if the iteration fails


def rich_status() -> status_pb2.Status:
    status = status_pb2.Status(code=8, message="full")
    for detail in (
        error_details_pb2.ErrorInfo(reason="QUEUE_FULL", domain="d", metadata={"waiting": "9"}),
        error_details_pb2.RetryInfo(retry_delay=Duration(seconds=1, nanos=500_000_000)),
        error_details_pb2.BadRequest(
            field_violations=[
                error_details_pb2.BadRequest.FieldViolation(field="a.b", description="too big"),
                error_details_pb2.BadRequest.FieldViolation(field="c", description="missing"),
            ]
        ),
        error_details_pb2.Help(),
    ):
        status.details.add().Pack(detail)
    return status


def check_rich(error: SpeechError) -> None:
    assert isinstance(error, ServerFullError)
    assert error.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert (error.message, str(error), error.reason) == ("full", "full", "QUEUE_FULL")
    assert error.retry_after_s == 1.5
    assert error.info.metadata == {"waiting": "9"}
    assert error.violations == (FieldViolation("a.b", "too big"), FieldViolation("c", "missing"))
    assert error.retryable


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code.value[0]])
def test_every_code_has_its_error(code: grpc.StatusCode) -> None:
    error = error_from_rpc(rpc_error(code, "what"))
    assert type(error) is CODES[code]
    assert (error.code, error.message, error.reason) == (code, "what", "")
    assert error.retryable is (code.name in ("UNAVAILABLE", "RESOURCE_EXHAUSTED"))
    assert type(error_from_status(status_pb2.Status(code=code.value[0]))) is CODES[code]


def test_an_error_without_a_message_still_says_something() -> None:
    assert "NOT_FOUND" in str(error_from_rpc(rpc_error(grpc.StatusCode.NOT_FOUND)))


def test_details_are_decoded() -> None:
    status = rich_status()
    check_rich(error_from_status(status))
    trailing = ((DETAILS_KEY, status.SerializeToString()),)
    check_rich(error_from_rpc(rpc_error(grpc.StatusCode.RESOURCE_EXHAUSTED, "full", trailing)))


@pytest.mark.parametrize("garbage", [b"\xff\xff\xff", b"\x1a\x03\x0a\x01a"])
def test_damaged_details_do_not_hide_the_error(garbage: bytes) -> None:
    error = error_from_rpc(rpc_error(grpc.StatusCode.NOT_FOUND, "x", ((DETAILS_KEY, garbage),)))
    assert type(error) is NotFoundError


def test_damage_inside_a_detail_does_not_hide_the_error() -> None:
    status = status_pb2.Status(code=5, message="x")
    detail = status.details.add()
    detail.type_url = "type.googleapis.com/google.rpc.ErrorInfo"
    detail.value = b"\xff\xff"
    assert type(error_from_status(status)) is NotFoundError


def test_a_proxy_that_lost_its_server_means_unavailable() -> None:
    error = error_from_rpc(rpc_error(grpc.StatusCode.UNKNOWN, "Stream removed"))
    assert type(error) is UnavailableError
    assert error.code is grpc.StatusCode.UNAVAILABLE
    assert error.retryable


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    def below(cls: type[SpeechError]) -> set[type[SpeechError]]:
        return {cls}.union(*(below(sub) for sub in cls.__subclasses__()))

    names = {cls.__name__ for cls in below(SpeechError)}
    assert errors_module.__doc__ is not None
    assert {word for word in errors_module.__doc__.split() if word.endswith("Error")} >= names
    assert all(issubclass(cls, ClientError) for cls in ClientError.__subclasses__())


async def test_rejected_requests_name_the_field(client: SpeechClient) -> None:
    with pytest.raises(InvalidRequestError, match="Opus") as caught:
        await client.synthesize("Hi.", encoding="ogg_opus")
    assert caught.value.reason == "AUDIO_FORMAT_UNSUPPORTED"
    assert caught.value.violations[0].field == "config.audio_format.encoding"
    with pytest.raises(NotFoundError) as not_found:
        await anext(client.stream("Hi.", voice="nobody"))
    assert not_found.value.reason == "VOICE_NOT_FOUND"


async def test_retry_hints_arrive(server: FakeSpeechServer, client: SpeechClient) -> None:
    failure = FakeFailure(grpc.StatusCode.RESOURCE_EXHAUSTED, "full", "QUEUE_FULL", 2.5)
    server.fail_next(failure)
    with pytest.raises(ServerFullError) as caught:
        await client.synthesize("Hi.")
    assert (caught.value.retry_after_s, caught.value.reason) == (2.5, "QUEUE_FULL")
    await client.synthesize("Hi.")  # The client is as good as before.


async def test_unavailable_is_retried_before_any_audio(
    server: FakeSpeechServer, client: SpeechClient
) -> None:
    server.fail_next(FakeFailure(grpc.StatusCode.UNAVAILABLE))
    assert (await client.synthesize("Hi.")).audio
    assert len(server.received) == 2


async def test_nothing_is_retried_once_something_came(
    server: FakeSpeechServer, client: SpeechClient
) -> None:
    server.fail_next(FakeFailure(grpc.StatusCode.UNAVAILABLE, "gone", after_chunks=1))
    heard: list[object] = []
    with pytest.raises(UnavailableError, match="gone"):
        await collect(client.stream("Hello there.").audio(), heard)
    assert len(heard) == 1
    assert len(server.received) == 1


async def test_other_errors_are_not_retried(server: FakeSpeechServer, client: SpeechClient) -> None:
    server.fail_next(FakeFailure(grpc.StatusCode.INTERNAL))
    with pytest.raises(ServerFailureError):
        await client.synthesize("Hi.")
    assert len(server.received) == 1


async def test_a_failure_mid_stream_comes_after_the_audio_before_it(
    server: FakeSpeechServer, client: SpeechClient
) -> None:
    server.fail_next(FakeFailure(after_chunks=2))
    stream = client.stream("Hello there.")
    events: list[object] = []
    with pytest.raises(ServerFailureError) as caught:
        await collect(stream, events)
    assert sum(isinstance(event, Audio) for event in events) == 2
    assert caught.value.reason == "SCRIPTED"
    assert stream.completed is None


async def test_nobody_there() -> None:
    async with SpeechClient.connect("127.0.0.1:1") as client:
        with pytest.raises(UnavailableError):
            await client.synthesize("Hi.", timeout_s=20)
        with pytest.raises(UnavailableError):
            async with client.session():
                pass


async def test_deadlines(server: FakeSpeechServer, client: SpeechClient) -> None:
    server.gate.close()
    with pytest.raises(DeadlineError):
        await client.synthesize("Hi.", timeout_s=0.1)
    with pytest.raises(DeadlineError):
        async for _ in client.stream("Hi.", timeout_s=0.1):
            pass
    await server.wait_idle()


async def test_a_deadline_of_the_callers_own_stays_a_timeout(
    server: FakeSpeechServer, client: SpeechClient
) -> None:
    server.gate.close()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await client.synthesize("Hi.")
    await server.wait_idle()


async def test_the_server_gone_mid_stream(server: FakeSpeechServer, client: SpeechClient) -> None:
    server.gate.close()
    server.gate.allow(1)
    audio = client.stream("Hello there.").audio()
    await anext(audio)
    await server.stop()
    with pytest.raises(SpeechError) as caught:
        await anext(audio)
    assert type(caught.value) is UnavailableError


class RawSpeechService(SpeechServiceServicer):
    """Says exactly what a test wants."""

    def __init__(self, responses: list[Any], error: grpc.StatusCode | None = None) -> None:
        self.responses = responses
        self.error = error

    async def StreamSynthesize(  # noqa: N802
        self, request: Any, context: Any
    ) -> AsyncIterator[Any]:
        for response in self.responses:
            yield response
        if self.error is not None:
            await context.abort(self.error, "raw")

    async def Converse(self, requests: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802
        async for response in self.StreamSynthesize(None, context):
            yield response


@asynccontextmanager
async def raw_server(service: SpeechServiceServicer) -> AsyncIterator[str]:
    """Serves on a fresh port until the test is over, failed or not; gives its address."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    add_SpeechServiceServicer_to_server(service, server)  # type: ignore[no-untyped-call]
    target = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    try:
        yield target
    finally:
        await server.stop(None)


async def test_a_stream_that_ends_without_its_end_is_an_error() -> None:
    started = RawSpeechService([pb.StreamSynthesizeResponse(started=pb.ContextStarted())])
    async with raw_server(started) as target, SpeechClient.connect(target) as client:
        with pytest.raises(ProtocolError, match="completed"):
            async for _ in client.stream("Hi."):
                pass


async def test_a_cancel_by_the_server_is_no_cancel_of_the_task() -> None:
    service = RawSpeechService([], grpc.StatusCode.CANCELLED)
    async with raw_server(service) as target, SpeechClient.connect(target) as client:
        with pytest.raises(CallCancelledError):
            await anext(client.stream("Hi."))
        with pytest.raises(CallCancelledError):
            async with client.session():
                pass


async def test_events_of_a_newer_server_are_passed_over() -> None:
    unknown = pb.StreamSynthesizeResponse()
    unknown.MergeFromString(b"\x9a\x06\x00")  # Field 99
    done = pb.StreamSynthesizeResponse(completed=pb.ContextCompleted())
    service = RawSpeechService([unknown, done])
    async with raw_server(service) as target, SpeechClient.connect(target) as client:
        assert len([event async for event in client.stream("Hi.")]) == 1


async def test_bytes_that_are_no_message_are_an_error_of_the_protocol() -> None:
    async def garbage(_requests: object, _context: object) -> AsyncIterator[bytes]:
        yield b"\xff\xff\xff"

    class Garbage(grpc.GenericRpcHandler):  # type: ignore[type-arg,misc,unused-ignore]
        def service(self, _details: object) -> Any:
            return grpc.stream_stream_rpc_method_handler(garbage)

    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Garbage(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with SpeechClient.connect(f"127.0.0.1:{port}") as client:
        for call in (
            lambda: client.synthesize("Hi."),
            lambda: anext(client.stream("Hi.")),
            lambda: client.session().open(),
            client.list_voices,
            lambda: client.get_voice("x"),
            client.server_info,
        ):
            with pytest.raises(ProtocolError, match="no message"):
                await call()
    await server.stop(None)


@pytest.mark.parametrize(
    ("responses", "kind"),
    [
        ([pb.ConverseResponse(audio=pb.AudioChunk())], ProtocolError),
        ([pb.ConverseResponse()], ProtocolError),
        ([], UnavailableError),
    ],
)
async def test_a_session_must_be_opened_first(
    responses: list[Any], kind: type[SpeechError]
) -> None:
    service = RawSpeechService(responses)
    async with raw_server(service) as target, SpeechClient.connect(target) as client:
        with pytest.raises(kind):
            async with client.session():
                pass


async def test_a_refusal_is_told_although_the_client_was_still_sending() -> None:
    """grpc.aio alone calls most of these INTERNAL: https://github.com/grpc/grpc/issues/36066."""

    class Full(SpeechServiceServicer):
        async def Converse(self, requests: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802
            async for request in requests:
                if request.WhichOneof("request") != "open":
                    await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "full")
                yield pb.ConverseResponse(session_opened=pb.SessionOpened(max_contexts=1))

    async def write_on(client: SpeechClient) -> None:
        # Until it is told: who leaves before that has lost interest, and is told nothing.
        async with client.session() as session, session.context() as context:
            async with asyncio.timeout(30):
                while True:
                    await context.append("Word. ")

    async with raw_server(Full()) as target, SpeechClient.connect(target) as client:
        for _ in range(20):
            with pytest.raises(ServerFullError):
                await write_on(client)


async def test_a_server_that_does_not_open_the_session(
    server: FakeSpeechServer, client: SpeechClient
) -> None:
    server.script = FakeScript(open_delay_s=60)
    with pytest.raises(DeadlineError, match="did not open"):
        async with client.session(open_timeout_s=0.05):
            pass
    await server.wait_idle()

"""A real server on a real socket, for tests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2

from bark_core.backends.registry import BackendSpec
from bark_core.checkpoints import open_checkpoint
from bark_core.engine.interface import Engine, EngineLimits
from bark_core.engine.thread import ThreadEngine
from barkstream.v1 import server_service_pb2_grpc, speech_service_pb2_grpc, voice_service_pb2_grpc
from barkstream.v1 import speech_service_pb2 as pb
from barkstream_server.config import ServerConfig
from barkstream_server.server import SpeechServer
from barkstream_server.tracing import Tracing
from tests.support.gated import GatedBackend, gated_fake

PATIENCE_S = 30.0
SENTENCE = "Hello there my friend."
LONG_TEXT = " ".join(f"This is sentence number {n} of a rather long text." for n in range(12))


@dataclass(slots=True)
class Served:
    """A running server and a channel to it."""

    server: SpeechServer
    engine: Engine
    channel: grpc.aio.Channel
    gate: GatedBackend | None = None

    @property
    def speech(self) -> Any:
        return _stub(speech_service_pb2_grpc, self.channel)

    @property
    def voices(self) -> Any:
        return _stub(voice_service_pb2_grpc, self.channel)

    @property
    def info(self) -> Any:
        return _stub(server_service_pb2_grpc, self.channel)

    async def engine_idle(self) -> None:
        """Nothing runs, nothing waits."""
        await eventually(lambda: self.engine.load().running + self.engine.load().waiting == 0)

    async def settled(self) -> None:
        """Nothing runs, nothing waits, nobody is inside."""
        await eventually(
            lambda: (
                self.engine.load().running == 0
                and self.engine.load().waiting == 0
                and self.server.sessions == 0
            )
        )


def _stub(module: Any, channel: grpc.aio.Channel) -> Any:
    """The one stub of a generated module, which has no types."""
    (name,) = (name for name in vars(module) if name.endswith("Stub"))
    return getattr(module, name)(channel)


@asynccontextmanager
async def served(
    engine: Callable[[], Engine] | None = None,
    *,
    load: bool = True,
    tracing: Tracing | None = None,
    **settings: Any,
) -> AsyncIterator[Served]:
    """Serve the noise checkpoint with a gated fake in a thread, unless told otherwise."""
    checkpoint = open_checkpoint("noise")
    slots = settings.setdefault("slots", 4)
    gate = None
    if engine is None:
        gate = gated_fake(checkpoint, slots)
        limits = EngineLimits(max_waiting=settings.get("max_waiting", 64))
        made: Engine = ThreadEngine(lambda: gate, checkpoint.config, limits)
    else:
        made = engine()
    # Nobody listens in real time, so nothing is paced unless a test asks for it.
    defaults = {"listen": "127.0.0.1:0", "grace_s": 5.0, "max_lead_s": 3600.0}
    config = ServerConfig(**{**defaults, **settings})
    server = SpeechServer(config, checkpoint, made, tracing)
    try:
        await server.open()
        if load:
            await server.load()
        if gate is not None:
            gate.forget()  # the warm-up
        async with grpc.aio.insecure_channel(server.address) as channel:
            yield Served(server, made, channel, gate)
    finally:
        if gate is not None:
            gate.release()
        await server.close()


def fake_spec(**options: Any) -> BackendSpec:
    """The fake on the noise checkpoint."""
    return BackendSpec(checkpoint=open_checkpoint("noise"), backend="fake", **options)


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in other threads
            await asyncio.sleep(0.005)


@dataclass(frozen=True, slots=True)
class RichStatus:
    """An error as a client sees it."""

    code: grpc.StatusCode
    message: str
    reason: str
    field: str
    retry_s: float | None
    resource: str


def rich_status(error: grpc.aio.AioRpcError) -> RichStatus:
    """Take the details of a failed call apart."""
    trailers = dict(error.trailing_metadata() or ())
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    assert status.code == error.code().value[0]
    assert status.message == error.details()
    return _taken_apart(error.code(), status)


def rich_failure(failed: pb.ContextFailed) -> RichStatus:
    """The same of a failed context."""
    code = next(code for code in grpc.StatusCode if code.value[0] == failed.status.code)
    return _taken_apart(code, failed.status)


def _taken_apart(code: grpc.StatusCode, status: Any) -> RichStatus:
    info = error_details_pb2.ErrorInfo()
    bad = error_details_pb2.BadRequest()
    retry = error_details_pb2.RetryInfo()
    resource = error_details_pb2.ResourceInfo()
    found = [
        type(detail)
        for detail in (info, bad, retry, resource)
        for packed in status.details
        if packed.Unpack(detail)
    ]
    assert len(found) == len(status.details) == len(set(found))
    assert info.domain == "barkstream"
    return RichStatus(
        code,
        status.message,
        info.reason,
        bad.field_violations[0].field if bad.field_violations else "",
        retry.retry_delay.ToMilliseconds() / 1000 if retry.ByteSize() else None,
        resource.resource_name,
    )


async def failure(call: Any) -> RichStatus:
    """Run a call to its end; it must fail."""
    try:
        if hasattr(call, "__aiter__"):
            async for _ in call:
                pass
        else:
            await call
    except grpc.aio.AioRpcError as error:
        return rich_status(error)
    raise AssertionError("the call did not fail")


class Conversation:
    """A session seen from the caller."""

    def __init__(self, call: Any) -> None:
        self._call = call
        self._reading: asyncio.Task[Any] | None = None

    async def send(self, context_id: str = "", **request: Any) -> None:
        await self._call.write(pb.ConverseRequest(context_id=context_id, **request))

    async def append(self, context_id: str, text: str, **more: Any) -> None:
        await self.send(context_id, append=pb.AppendText(text=text, **more))

    async def finish(self, context_id: str) -> None:
        await self.send(context_id, finish=pb.FinishContext())

    async def half_close(self) -> None:
        await self._call.done_writing()

    def cancel(self) -> None:
        self._call.cancel()

    async def receive(self, timeout_s: float = PATIENCE_S) -> pb.ConverseResponse | None:
        """The next message; None at the end. Losing patience does not end the call."""
        if self._reading is None:
            self._reading = asyncio.ensure_future(self._call.read())
        done, _ = await asyncio.wait({self._reading}, timeout=timeout_s)
        if not done:
            raise TimeoutError
        reading, self._reading = self._reading, None
        message = reading.result()
        return None if message is grpc.aio.EOF else message

    async def within(self, duration_s: float) -> list[pb.ConverseResponse]:
        """Messages that come in this time."""
        messages = []
        end_s = time.monotonic() + duration_s
        while (left_s := end_s - time.monotonic()) > 0:
            try:
                message = await self.receive(left_s)
            except TimeoutError:
                break
            assert message is not None, "the session ended"
            messages.append(message)
        return messages

    async def until(self, event: str, context_id: str | None = None) -> list[pb.ConverseResponse]:
        """Messages up to and with the first such event."""
        messages = []
        while True:
            message = await self.receive()
            assert message is not None, f"the session ended before {event}"
            messages.append(message)
            if message.WhichOneof("event") == event and context_id in (None, message.context_id):
                return messages

    async def rest(self) -> list[pb.ConverseResponse]:
        """All that is left."""
        messages = []
        while (message := await self.receive()) is not None:
            messages.append(message)
        return messages

    async def failure(self) -> RichStatus:
        """How the session failed."""
        try:
            await self.rest()
        except grpc.aio.AioRpcError as error:
            return rich_status(error)
        raise AssertionError(f"the session ended with {await self._call.code()}")

    async def code(self) -> grpc.StatusCode:
        code: grpc.StatusCode = await self._call.code()
        return code


@asynccontextmanager
async def conversation(target: Served, **opening: Any) -> AsyncIterator[Conversation]:
    """A session that is open."""
    call = target.speech.Converse()
    talk = Conversation(call)
    try:
        await talk.send(open=pb.OpenSession(**opening))
        opened = await talk.until("session_opened")
        assert len(opened) == 1
        yield talk
    finally:
        call.cancel()


def kinds(messages: list[pb.ConverseResponse], context_id: str | None = None) -> list[str]:
    """Names of the events, of one context or of all."""
    return [
        str(message.WhichOneof("event"))
        for message in messages
        if context_id in (None, message.context_id)
    ]

"""Converse, as the fake server does it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
from google.protobuf.message import Message

from barkstream.v1 import speech_service_pb2 as pb
from barkstream_client.options import duration, seconds
from barkstream_client.testing.fake_context import MAX_TEXT_CHARACTERS, FakeContext
from barkstream_client.testing.fake_script import FakeFailure
from barkstream_client.testing.fake_speech import NATIVE_RATE_HZ, effective
from barkstream_client.testing.fake_state import FakeState
from barkstream_client.testing.fake_status import (
    FakeStatusError,
    full,
    not_found,
    out_of_order,
)

_EVENTS = {
    pb.ContextStarted: "context_started",
    pb.SegmentStarted: "segment_started",
    pb.AudioChunk: "audio",
    pb.Progress: "progress",
    pb.Flushed: "flushed",
    pb.Queued: "queued",
    pb.ContextCompleted: "completed",
    pb.ContextCancelled: "cancelled",
    pb.ContextFailed: "failed",
}


class FakeSession:
    """One Converse call. Iterate over ``responses``."""

    def __init__(self, state: FakeState, requests: AsyncIterator[pb.ConverseRequest]) -> None:
        self.state = state
        self._requests = requests
        self._out: asyncio.Queue[pb.ConverseResponse | FakeStatusError | None] = asyncio.Queue(256)
        self._contexts: dict[str, FakeContext] = {}
        self._ended: set[str] = set()
        self._config = pb.SpeechConfig()
        self._idle_s: float | None = None
        self._heartbeat_s = 1.0
        self._reader: asyncio.Task[None] | None = None

    async def responses(self) -> AsyncIterator[pb.ConverseResponse]:
        """What the server says, until it is done. Raises FakeStatusError."""
        self._reader = asyncio.create_task(self._read(), name="fake-session-reader")
        while (response := await self._next()) is not None:
            yield response

    async def aclose(self) -> None:
        """Leave nothing behind."""
        tasks = [context.task for context in self._contexts.values()]
        if self._reader is not None:
            tasks.append(self._reader)
        for context_id in list(self._contexts):
            self.forget(context_id)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def send(self, context_id: str, event: Message) -> None:
        """Queue an event."""
        name = _EVENTS[type(event)]
        response = pb.ConverseResponse(context_id=context_id)
        getattr(response, name).CopyFrom(event)
        await self._out.put(response)

    def announce_draining(self, grace_s: float) -> None:
        """Tell that the server is shutting down."""
        draining = pb.Draining(grace=duration(grace_s))
        self._out.put_nowait(pb.ConverseResponse(draining=draining))

    def forget(self, context_id: str) -> bool:
        """A context is over; False: it was already. Its terminal event follows."""
        if self._contexts.pop(context_id, None) is None:
            return False
        self._ended.add(context_id)
        self.state.live_contexts -= 1
        return True

    async def _next(self) -> pb.ConverseResponse | None:
        while True:
            wait_s = self._heartbeat_s if self._contexts else self._idle_s
            try:
                async with asyncio.timeout(wait_s):
                    response = await self._out.get()
            except TimeoutError:
                if not self._contexts:
                    raise FakeStatusError(
                        FakeFailure(grpc.StatusCode.ABORTED, "the session was idle", "IDLE_TIMEOUT")
                    ) from None
                for context_id, context in self._contexts.items():
                    await self.send(context_id, context.progress())
                continue
            if isinstance(response, FakeStatusError):
                raise response
            return response

    async def _read(self) -> None:
        try:
            first = await anext(self._requests, None)
            if first is None or first.WhichOneof("request") != "open":
                raise out_of_order(
                    "the first message must be open", reason="FIRST_MESSAGE_NOT_OPEN"
                )
            self.state.received.append(first)
            await self._open(first.open)
            async for request in self._requests:
                self.state.received.append(request)
                await self._handle(request)
        except FakeStatusError as error:
            await self._out.put(error)
            return
        contexts = list(self._contexts.values())
        for context in contexts:
            context.finish()
        await asyncio.gather(*(context.task for context in contexts), return_exceptions=True)
        await self._out.put(None)

    async def _open(self, message: pb.OpenSession) -> None:
        await asyncio.sleep(self.state.script.open_delay_s)
        self._config = message.config
        if message.HasField("idle_timeout"):
            self._idle_s = seconds(message.idle_timeout)
        if message.HasField("heartbeat_interval"):
            self._heartbeat_s = seconds(message.heartbeat_interval)
        opened = pb.SessionOpened(
            session_id="fake-session",
            native_sample_rate_hz=NATIVE_RATE_HZ,
            max_contexts=self.state.max_contexts,
            max_text_characters=MAX_TEXT_CHARACTERS,
            effective_config=self._effective(),
        )
        await self._out.put(pb.ConverseResponse(session_opened=opened))

    async def _handle(self, request: pb.ConverseRequest) -> None:
        kind, context_id = request.WhichOneof("request"), request.context_id
        if kind == "open":
            raise out_of_order("the session is open already", reason="SESSION_ALREADY_OPEN")
        if kind == "keepalive":
            return
        context = self._contexts.get(context_id)
        try:
            if context is None and kind == "append":
                context = self._begin(context_id, request.append)
            if context is not None:
                await context.handle(request)
            elif context_id not in self._ended:
                raise not_found("no such context", reason="CONTEXT_NOT_FOUND")
        except FakeStatusError as error:
            if context is not None:
                await context.fail(error)
            else:
                self._ended.add(context_id)
                await self.send(context_id, pb.ContextFailed(status=error.status()))

    def _begin(self, context_id: str, message: pb.AppendText) -> FakeContext:
        if len(self._contexts) >= self.state.max_contexts:
            raise full("too many contexts", reason="CONTEXT_LIMIT")
        context = FakeContext(self, context_id, self._effective(message.config))
        self._contexts[context_id] = context
        self._ended.discard(context_id)
        self.state.live_contexts += 1
        return context

    def _effective(self, config: pb.SpeechConfig | None = None) -> pb.SpeechConfig:
        return effective(
            self.state.voices, self.state.script.chunk_s, self._config, config or pb.SpeechConfig()
        )

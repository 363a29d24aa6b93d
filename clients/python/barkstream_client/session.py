"""A session: many texts on one call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from types import TracebackType
from typing import Any, Self, Unpack

import grpc
import grpc.aio

from barkstream.v1.speech_service_pb2 import (
    ConverseRequest,
    ConverseResponse,
    Keepalive,
    OpenSession,
)
from barkstream.v1.speech_service_pb2 import SessionOpened as SessionOpenedMessage
from barkstream_client.calls import parsed, typed_errors
from barkstream_client.context import SpeechContext
from barkstream_client.convert import draining
from barkstream_client.errors import (
    ClosedError,
    DeadlineError,
    ProtocolError,
    SpeechError,
    UnavailableError,
)
from barkstream_client.events import Draining
from barkstream_client.options import SpeechOptions, decode_options, encode_options, sendable
from barkstream_client.outcome import CallOutcome
from barkstream_client.wire import SessionWire

ConverseCall = grpc.aio.StreamStreamCall[ConverseRequest, ConverseResponse]

# A half-closed session without live contexts ends at once; a server that does not is left.
CLOSE_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """What the server said when the session opened.

    Attributes:
        session_id: For logs and support.
        native_sample_rate_hz: The model's own rate.
        max_contexts: Contexts that may live at once.
        max_text_characters: Longest text of a context in code points.
        options: Defaults of all contexts, with every default filled in.
    """

    session_id: str
    native_sample_rate_hz: int
    max_contexts: int
    max_text_characters: int
    options: SpeechOptions


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """How a session is opened.

    Attributes:
        request: The open message.
        open_timeout_s: How long to wait for the server's answer to it.
        max_buffered_bytes: What a context may hold for its reader.
        waits_for_readers: Stop reading the call while a context's reader is behind. Right where
            there is one context; of several the quick ones would have to wait for the slow one.
    """

    request: OpenSession
    open_timeout_s: float
    max_buffered_bytes: int
    waits_for_readers: bool = False


class SpeechSession:
    """A session. Made by ``SpeechClient.session``; an async context manager.

    One task reads the call and one writes it, so that a cancelled caller never harms the session
    and a context that nobody reads never holds up the others. Leaving the block ends the session
    at once if contexts are live (they fail with ``ClosedError``), else politely.

    Attributes:
        draining: Set when the server announced that it is shutting down.
    """

    def __init__(self, start: Callable[[], ConverseCall], settings: SessionSettings) -> None:
        self.draining: Draining | None = None
        self._start = start
        self._settings = settings
        self._wire = SessionWire()
        self._names = count(1)
        self._info: SessionInfo | None = None
        self._opened = asyncio.Event()
        self._call: ConverseCall | None = None
        self._reader: asyncio.Task[None] | None = None
        self._writer: asyncio.Task[None] | None = None

    @property
    def info(self) -> SessionInfo:
        """What the server said when the session opened."""
        if self._info is None:
            raise ClosedError("the session is not open: use it as an async context manager")
        return self._info

    @property
    def live_contexts(self) -> int:
        """Contexts that the server knows and that have not ended."""
        return self._wire.live

    def context(
        self, context_id: str | None = None, **options: Unpack[SpeechOptions]
    ) -> SpeechContext:
        """A new text. The server hears of it with its first append.

        Args:
            context_id: At most 64 characters of [A-Za-z0-9._:-]; default a fresh one. An id may
                be used again after its terminal event.
            options: Win over the session's.

        Raises:
            OptionError: An option of the wrong kind.
            ClosedError: The session is closed, or the id is in use.
        """
        if context_id is None:
            context_id = f"context-{next(self._names)}"
        name = sendable(context_id, "context_id")
        self._wire.check_free(name)
        config = encode_options(options) if options else None
        return SpeechContext(self._wire, name, config, self._settings.max_buffered_bytes)

    async def keepalive(self) -> None:
        """Keep the server's idle timer from running."""
        await self._wire.send(ConverseRequest(keepalive=Keepalive()))

    async def open(self) -> SessionInfo:
        """Start the call and wait for the server's answer.

        Raises:
            SpeechError: The server refused, cannot be reached, or was silent for too long.
        """
        if self._call is not None:
            raise ClosedError("a session opens once: ask the client for a new one")
        self._call = self._start()
        self._reader = asyncio.create_task(self._read(self._call), name="barkstream-reader")
        self._writer = asyncio.create_task(self._write(self._call), name="barkstream-writer")
        try:
            await self._wire.send(ConverseRequest(open=self._settings.request))
            async with asyncio.timeout(self._settings.open_timeout_s):
                await self._opened.wait()
        except TimeoutError:
            await self.aclose(abandon=True)
            raise DeadlineError(
                f"the server did not open the session within {self._settings.open_timeout_s} s"
            ) from None
        except BaseException:
            await self.aclose(abandon=True)
            raise
        if self._info is None:
            await self.aclose(abandon=True)
            raise self._wire.error
        return self._info

    async def aclose(self, *, abandon: bool = False) -> None:
        """End the session. May be repeated.

        Args:
            abandon: Cancel the call at once, even if no context is live.
        """
        if self._call is None or self._reader is None or self._writer is None:
            return
        polite = not abandon and not self._wire.live
        self._wire.fail(ClosedError("the session is closed: open a new one"))
        try:
            if polite:
                await asyncio.wait([self._reader], timeout=CLOSE_TIMEOUT_S)
        finally:
            self._reader.cancel()  # It cancels the call.
            self._writer.cancel()
        await asyncio.gather(self._reader, self._writer, return_exceptions=True)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose(abandon=error is not None)

    # ---- tasks ------------------------------------------------------------------------------

    async def _write(self, call: ConverseCall) -> None:
        try:
            while (request := await self._wire.next_request()) is not None:
                await call.write(request)
            await call.done_writing()
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            return  # The call is over; its reader knows why.

    async def _read(self, call: ConverseCall) -> None:
        outcome = CallOutcome(call)
        try:
            with typed_errors(outcome):
                while (response := await call.read()) is not grpc.aio.EOF:
                    self._dispatch(response)
                    if self._settings.waits_for_readers:
                        await self._wire.wait_for_readers()
            self._wire.fail(UnavailableError("the server ended the session"))
        except SpeechError as error:
            self._wire.fail(error)
        finally:
            self._opened.set()
            call.cancel()

    def _dispatch(self, response: Any) -> None:
        event = parsed(response).WhichOneof("event")
        if self._info is None:
            if event != "session_opened":
                raise ProtocolError(f"the server answered open with {event}")
            self._info = _session_info(response.session_opened)
            self._opened.set()
        elif event == "draining":
            self.draining = draining(response.draining)
            self._wire.announce(self.draining)
        else:
            self._wire.dispatch(response)


def _session_info(message: SessionOpenedMessage) -> SessionInfo:
    return SessionInfo(
        session_id=message.session_id,
        native_sample_rate_hz=message.native_sample_rate_hz,
        max_contexts=message.max_contexts,
        max_text_characters=message.max_text_characters,
        options=decode_options(message.effective_config),
    )

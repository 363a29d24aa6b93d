"""The asynchronous client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from types import TracebackType
from typing import Any, Self, Unpack

import grpc.aio

from barkstream.v1.server_service_pb2 import GetServerInfoRequest, WatchLoadRequest
from barkstream.v1.server_service_pb2_grpc import ServerServiceStub
from barkstream.v1.speech_service_pb2 import (
    OpenSession,
    StreamSynthesizeRequest,
    SynthesizeRequest,
)
from barkstream.v1.speech_service_pb2_grpc import SpeechServiceStub
from barkstream.v1.voice_service_pb2 import GetVoiceRequest, ListVoicesRequest
from barkstream.v1.voice_service_pb2_grpc import VoiceServiceStub
from barkstream_client import convert
from barkstream_client.calls import parsed, typed_errors
from barkstream_client.connection import Connection, ConnectionOptions
from barkstream_client.context import SpeechContext
from barkstream_client.errors import ClosedError, OptionError, ProtocolError
from barkstream_client.events import Completed, SpeechEvent
from barkstream_client.health import wait_until_serving
from barkstream_client.options import SpeechOptions, duration, encode_options, sendable
from barkstream_client.server_info import ServerInfo, ServerLoad, Voice
from barkstream_client.session import SessionSettings, SpeechSession
from barkstream_client.speech import Speech
from barkstream_client.stream import SpeechStream

SPEECH_SERVICE = "barkstream.v1.SpeechService"
DEFAULT_OPEN_TIMEOUT_S = 30.0
DEFAULT_BUFFER_BYTES = 16 << 20


class SpeechClient:
    """Talks to a barkstream server over one connection. Belongs to one event loop.

    ::

        async with SpeechClient.connect("localhost:50051") as client:
            speech = await client.synthesize("Hello.")
            async for audio in client.stream("A longer text.").audio():
                play(audio.pcm())

    Every method takes the options of ``SpeechOptions`` as keyword arguments and raises
    ``SpeechError``; a cancelled task cancels its call.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._channel: grpc.aio.Channel | None = None
        self._closed = False

    @classmethod
    def connect(cls, target: str, **options: Unpack[ConnectionOptions]) -> Self:
        """A client of the server at ``target``, such as "localhost:50051".

        The connection is made by the first call. See ``ConnectionOptions`` for TLS, metadata,
        keepalive and channel arguments.
        """
        return cls(Connection.to(target, **options))

    async def synthesize(
        self, text: str, *, timeout_s: float | None = None, **options: Unpack[SpeechOptions]
    ) -> Speech:
        """Speak a short text (up to 2000 characters) and return the whole audio."""
        request = SynthesizeRequest(text=sendable(text), config=encode_options(options))
        stub: Any = SpeechServiceStub(self._open())  # type: ignore[no-untyped-call]
        with typed_errors():
            response = await stub.Synthesize(
                request, timeout=timeout_s, metadata=self._connection.metadata()
            )
        return convert.speech(parsed(response))

    def stream(
        self, text: str, *, timeout_s: float | None = None, **options: Unpack[SpeechOptions]
    ) -> SpeechStream:
        """Speak a text (up to 20000 characters), yielding audio while it is being made.

        The events are Started, then Segment, Audio and Progress, and Completed at the end.
        """
        request = StreamSynthesizeRequest(text=sendable(text), config=encode_options(options))
        return SpeechStream(self._stream(request, timeout_s))

    def converse(self, text: AsyncIterable[str], **options: Unpack[SpeechOptions]) -> SpeechStream:
        """Speak a text while it is still being written, such as a language model's answer.

        An iterator that gives no text is an InvalidRequestError of the server's. An error of the
        iterator ends the speech and is raised to the reader of the events.
        For interruptions, several texts and playback reports use ``session``.
        """
        request = OpenSession(config=encode_options(options))
        if not isinstance(text, AsyncIterable):
            raise OptionError(
                "converse takes an async iterable of text deltas; a whole text goes to stream()"
            )
        return SpeechStream(self._converse(text, request))

    def session(
        self,
        *,
        idle_timeout_s: float | None = None,
        heartbeat_s: float | None = None,
        open_timeout_s: float = DEFAULT_OPEN_TIMEOUT_S,
        max_buffered_bytes: int = DEFAULT_BUFFER_BYTES,
        **options: Unpack[SpeechOptions],
    ) -> SpeechSession:
        """A session for interruptible and concurrent texts; use it with ``async with``.

        Args:
            idle_timeout_s: The server ends the session after so long without a message while
                nothing is spoken. Default: never.
            heartbeat_s: Longest silence of the server while a context is active. Default 1 s.
            open_timeout_s: How long the server may take to open the session.
            max_buffered_bytes: What each context may hold for its reader; beyond it the context
                is cancelled with ``SlowReaderError``, so that the others go on.
            **options: Defaults of all contexts.
        """
        request = OpenSession(
            config=encode_options(options),
            idle_timeout=None if idle_timeout_s is None else duration(idle_timeout_s),
            heartbeat_interval=None if heartbeat_s is None else duration(heartbeat_s),
        )
        settings = SessionSettings(request, open_timeout_s, max_buffered_bytes)
        return SpeechSession(self._start_session, settings)

    async def list_voices(
        self, *, language_code: str = "", timeout_s: float | None = None
    ) -> list[Voice]:
        """All voices (of a language), by name."""
        return [voice async for voice in self._voices(language_code, timeout_s)]

    async def get_voice(self, name: str, *, timeout_s: float | None = None) -> Voice:
        """One voice. Raises NotFoundError."""
        request = GetVoiceRequest(name=sendable(name, "name"))
        stub: Any = VoiceServiceStub(self._open())  # type: ignore[no-untyped-call]
        with typed_errors():
            response = await stub.GetVoice(
                request, timeout=timeout_s, metadata=self._connection.metadata()
            )
        return convert.voice(parsed(response).voice)

    async def server_info(self, *, timeout_s: float | None = None) -> ServerInfo:
        """Version, model, limits and encodings of the server."""
        stub: Any = ServerServiceStub(self._open())  # type: ignore[no-untyped-call]
        with typed_errors():
            response = await stub.GetServerInfo(
                GetServerInfoRequest(), timeout=timeout_s, metadata=self._connection.metadata()
            )
        return convert.server_info(parsed(response))

    async def watch_load(self, *, interval_s: float = 1.0) -> AsyncGenerator[ServerLoad]:
        """How busy the server is, at once and then every ``interval_s`` (0.1 to 60).

        Ends with ``UnavailableError`` when the server shuts down.
        """
        stub: Any = ServerServiceStub(self._open())  # type: ignore[no-untyped-call]
        with typed_errors():
            call = stub.WatchLoad(
                WatchLoadRequest(interval=duration(interval_s)),
                metadata=self._connection.metadata(),
            )
            try:
                async for response in call:
                    yield convert.server_load(parsed(response))
            finally:
                call.cancel()

    async def wait_ready(self, timeout_s: float = 60.0, *, service: str = SPEECH_SERVICE) -> None:
        """Wait until the server is warmed up and serves (grpc.health.v1).

        Raises:
            UnavailableError: It did not within ``timeout_s``.
        """
        await wait_until_serving(self._open(), service, timeout_s, self._connection.metadata())

    async def aclose(self) -> None:
        """Close the connection; calls that are open fail. May be repeated."""
        self._closed = True
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    # ---- helpers ----------------------------------------------------------------------------

    def _open(self) -> grpc.aio.Channel:
        if self._closed:
            raise ClosedError("the client is closed: connect again")
        if self._channel is None:
            self._channel = self._connection.open()
        return self._channel

    def _start_session(self) -> Any:
        stub: Any = SpeechServiceStub(self._open())  # type: ignore[no-untyped-call]
        return stub.Converse(metadata=self._connection.metadata())

    async def _stream(
        self, request: StreamSynthesizeRequest, timeout_s: float | None
    ) -> AsyncGenerator[SpeechEvent]:
        stub: Any = SpeechServiceStub(self._open())  # type: ignore[no-untyped-call]
        call = stub.StreamSynthesize(
            request, timeout=timeout_s, metadata=self._connection.metadata()
        )
        decoder = convert.EventDecoder()
        last: SpeechEvent | None = None
        try:
            while True:
                with typed_errors():
                    response = await call.read()
                if response is grpc.aio.EOF:
                    break
                event = decoder.decode(parsed(response))
                if event is not None:
                    last = event
                    yield event
        finally:
            call.cancel()
        if not isinstance(last, Completed):
            raise ProtocolError("the server ended the stream without its completed event")

    async def _converse(
        self, text: AsyncIterable[str], request: OpenSession
    ) -> AsyncGenerator[SpeechEvent]:
        settings = SessionSettings(
            request,
            DEFAULT_OPEN_TIMEOUT_S,
            DEFAULT_BUFFER_BYTES,
            waits_for_readers=True,
        )
        async with SpeechSession(self._start_session, settings) as session:
            context = session.context()
            pump = asyncio.create_task(_pump(text, context), name="barkstream-text")
            try:
                async for event in context:
                    yield event
            finally:
                pump.cancel()
                await asyncio.gather(pump, return_exceptions=True)

    async def _voices(self, language_code: str, timeout_s: float | None) -> AsyncIterator[Voice]:
        language_code = sendable(language_code, "language_code")
        stub: Any = VoiceServiceStub(self._open())  # type: ignore[no-untyped-call]
        token = ""
        while True:
            request = ListVoicesRequest(page_token=token, language_code=language_code)
            with typed_errors():
                page = await stub.ListVoices(
                    request, timeout=timeout_s, metadata=self._connection.metadata()
                )
            for voice in parsed(page).voices:
                yield convert.voice(voice)
            if not page.next_page_token:
                return
            if page.next_page_token == token:
                raise ProtocolError("the server repeats a page of voices for ever")
            token = page.next_page_token


async def _pump(text: AsyncIterable[str], context: SpeechContext) -> None:
    """Carry text into a context. Its errors go to the reader of the context."""
    try:
        async for delta in text:
            await context.append(delta)
        await context.finish()
    except ClosedError:
        return  # The reader left, or the context failed and tells its reader why.
    except Exception as error:  # noqa: BLE001 - whatever the caller's iterator raises
        context.abort(error)

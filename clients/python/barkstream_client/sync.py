"""The client for code without an event loop: a thin runner of the asynchronous one.

Whatever a method does not say here, its asynchronous twin says.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from types import TracebackType
from typing import Self, Unpack

from barkstream_client.client import (
    DEFAULT_BUFFER_BYTES,
    DEFAULT_OPEN_TIMEOUT_S,
    SPEECH_SERVICE,
    SpeechClient,
)
from barkstream_client.connection import Connection, ConnectionOptions
from barkstream_client.errors import OptionError
from barkstream_client.events import Audio, Completed, SpeechEvent, Started
from barkstream_client.loop_thread import LoopThread
from barkstream_client.options import SpeechOptions
from barkstream_client.server_info import ServerInfo, ServerLoad, Voice
from barkstream_client.speech import Speech
from barkstream_client.stream import SpeechStream
from barkstream_client.sync_session import SyncSpeechSession


class SyncSpeechStream:
    """What ``stream`` and ``converse`` return: an iterator of events.

    Closing it (by ``with`` or ``close``) cancels what is still being spoken.
    """

    def __init__(self, loop: LoopThread, stream: SpeechStream) -> None:
        self._loop = loop
        self._stream = stream
        self._events = loop.iterate(stream)

    @property
    def started(self) -> Started | None:
        """What is in effect, once that event was seen."""
        return self._stream.started

    @property
    def completed(self) -> Completed | None:
        """The terminal event, once it was seen."""
        return self._stream.completed

    def __iter__(self) -> Iterator[SpeechEvent]:
        return self

    def __next__(self) -> SpeechEvent:
        return next(self._events)

    def audio(self) -> Iterator[Audio]:
        """Only the audio."""
        return (event for event in self if isinstance(event, Audio))

    def close(self) -> None:
        """Cancel what is still being spoken. May be repeated."""
        if not self._loop.closed:  # it ended with its client
            self._loop.run(self._stream.aclose())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class SyncSpeechClient:
    """``SpeechClient`` for code without an event loop. Threads may share it.

    ::

        with SyncSpeechClient.connect("localhost:50051") as client:
            for audio in client.stream("Hello.").audio():
                play(audio.pcm())
    """

    def __init__(self, connection: Connection) -> None:
        self._client = SpeechClient(connection)
        self._loop = LoopThread()

    @classmethod
    def connect(cls, target: str, **options: Unpack[ConnectionOptions]) -> Self:
        """See ``SpeechClient.connect``."""
        return cls(Connection.to(target, **options))

    def synthesize(
        self, text: str, *, timeout_s: float | None = None, **options: Unpack[SpeechOptions]
    ) -> Speech:
        """See ``SpeechClient.synthesize``."""
        return self._loop.run(self._client.synthesize(text, timeout_s=timeout_s, **options))

    def stream(
        self, text: str, *, timeout_s: float | None = None, **options: Unpack[SpeechOptions]
    ) -> SyncSpeechStream:
        """See ``SpeechClient.stream``."""
        stream = self._client.stream(text, timeout_s=timeout_s, **options)
        return SyncSpeechStream(self._loop, stream)

    def converse(self, text: Iterable[str], **options: Unpack[SpeechOptions]) -> SyncSpeechStream:
        """See ``SpeechClient.converse``. The iterable may block; another thread takes from it."""
        if isinstance(text, str):
            raise OptionError("converse takes text deltas; a whole text goes to stream()")
        stream = self._client.converse(self._loop.feed(text), **options)
        return SyncSpeechStream(self._loop, stream)

    def session(
        self,
        *,
        idle_timeout_s: float | None = None,
        heartbeat_s: float | None = None,
        open_timeout_s: float = DEFAULT_OPEN_TIMEOUT_S,
        max_buffered_bytes: int = DEFAULT_BUFFER_BYTES,
        **options: Unpack[SpeechOptions],
    ) -> SyncSpeechSession:
        """See ``SpeechClient.session``; use it with ``with``."""
        session = self._client.session(
            idle_timeout_s=idle_timeout_s,
            heartbeat_s=heartbeat_s,
            open_timeout_s=open_timeout_s,
            max_buffered_bytes=max_buffered_bytes,
            **options,
        )
        return SyncSpeechSession(self._loop, session)

    def list_voices(
        self, *, language_code: str = "", timeout_s: float | None = None
    ) -> list[Voice]:
        """See ``SpeechClient.list_voices``."""
        return self._loop.run(
            self._client.list_voices(language_code=language_code, timeout_s=timeout_s)
        )

    def get_voice(self, name: str, *, timeout_s: float | None = None) -> Voice:
        """See ``SpeechClient.get_voice``."""
        return self._loop.run(self._client.get_voice(name, timeout_s=timeout_s))

    def server_info(self, *, timeout_s: float | None = None) -> ServerInfo:
        """See ``SpeechClient.server_info``."""
        return self._loop.run(self._client.server_info(timeout_s=timeout_s))

    def watch_load(self, *, interval_s: float = 1.0) -> Generator[ServerLoad]:
        """See ``SpeechClient.watch_load``."""
        loads = self._client.watch_load(interval_s=interval_s)
        try:
            yield from self._loop.iterate(loads)
        finally:
            if not self._loop.closed:
                self._loop.run(loads.aclose())

    def wait_ready(self, timeout_s: float = 60.0, *, service: str = SPEECH_SERVICE) -> None:
        """See ``SpeechClient.wait_ready``."""
        self._loop.run(self._client.wait_ready(timeout_s, service=service))

    def close(self) -> None:
        """Close the connection and end the thread. May be repeated."""
        if not self._loop.closed:
            self._loop.run(self._client.aclose())
            self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

"""Sessions for code without an event loop."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Self, Unpack

from barkstream_client.context import SpeechContext
from barkstream_client.events import Audio, CancelReport, Completed, Draining, SpeechEvent, Started
from barkstream_client.loop_thread import LoopThread
from barkstream_client.options import SpeechOptions
from barkstream_client.session import SessionInfo, SpeechSession


class SyncSpeechContext:
    """See ``SpeechContext``. One thread may append while another one reads the events."""

    def __init__(self, loop: LoopThread, context: SpeechContext) -> None:
        self._loop = loop
        self._context = context
        self._events = loop.iterate(context)

    @property
    def context_id(self) -> str:
        """Its name on the wire."""
        return self._context.context_id

    @property
    def text(self) -> str:
        """All text appended so far."""
        return self._context.text

    @property
    def started(self) -> Started | None:
        """What is in effect, once the server told."""
        return self._context.started

    @property
    def terminal(self) -> Completed | CancelReport | Exception | None:
        """How it ended, once it did."""
        return self._context.terminal

    def append(self, text: str) -> None:
        """Add text, verbatim."""
        self._loop.run(self._context.append(text))

    def flush(self, flush_id: str | None = None) -> str:
        """Have everything appended so far spoken."""
        return self._loop.run(self._context.flush(flush_id))

    def finish(self) -> None:
        """No more text will come."""
        self._loop.run(self._context.finish())

    def report_playback(self, played_s: float) -> None:
        """Tell how much the listener has heard."""
        self._loop.run(self._context.report_playback(played_s))

    def cancel(self, *, played_s: float | None = None, timeout_s: float = 10.0) -> CancelReport:
        """Stop speaking at once."""
        return self._loop.run(self._context.cancel(played_s=played_s, timeout_s=timeout_s))

    def __iter__(self) -> Iterator[SpeechEvent]:
        return self

    def __next__(self) -> SpeechEvent:
        return next(self._events)

    def audio(self) -> Iterator[Audio]:
        """Only the audio."""
        return (event for event in self if isinstance(event, Audio))

    def close(self) -> None:
        """Stop without waiting."""
        if not self._loop.closed:  # it ended with its client
            self._loop.call(self._context.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class SyncSpeechSession:
    """See ``SpeechSession``; use it with ``with``."""

    def __init__(self, loop: LoopThread, session: SpeechSession) -> None:
        self._loop = loop
        self._session = session

    @property
    def info(self) -> SessionInfo:
        """What the server said when the session opened."""
        return self._session.info

    @property
    def live_contexts(self) -> int:
        """Contexts that the server knows and that have not ended."""
        return self._session.live_contexts

    @property
    def draining(self) -> Draining | None:
        """Set when the server announced that it is shutting down."""
        return self._session.draining

    def context(
        self, context_id: str | None = None, **options: Unpack[SpeechOptions]
    ) -> SyncSpeechContext:
        """A new text."""
        context = self._loop.call(lambda: self._session.context(context_id, **options))
        return SyncSpeechContext(self._loop, context)

    def keepalive(self) -> None:
        """Keep the server's idle timer from running."""
        self._loop.run(self._session.keepalive())

    def open(self) -> SessionInfo:
        """Start the call and wait for the server's answer."""
        return self._loop.run(self._session.open())

    def close(self, *, abandon: bool = False) -> None:
        """End the session. May be repeated."""
        if not self._loop.closed:  # it ended with its client
            self._loop.run(self._session.aclose(abandon=abandon))

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close(abandon=error is not None)

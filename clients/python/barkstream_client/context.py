"""One text of a session and its speech."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Protocol, Self

from barkstream.v1.speech_service_pb2 import (
    AppendText,
    CancelContext,
    ConverseRequest,
    ConverseResponse,
    FinishContext,
    FlushText,
    ReportPlayback,
    SpeechConfig,
)
from barkstream_client.convert import EventDecoder
from barkstream_client.errors import ClosedError, DeadlineError, SlowReaderError, SpeechError
from barkstream_client.events import (
    Audio,
    CancelReport,
    Completed,
    Segment,
    SpeechEvent,
    Started,
)
from barkstream_client.heard import Timeline
from barkstream_client.inbox import Inbox
from barkstream_client.options import duration, sendable
from barkstream_client.status import error_from_status


class Wire(Protocol):
    """What a context needs of its session."""

    def register(self, context: SpeechContext) -> None:
        """From now on the events of its id belong to this context."""

    def forget(self, context: SpeechContext) -> None:
        """It was never opened on the wire."""

    async def send(self, request: ConverseRequest) -> None:
        """Queue a message, waiting for room."""

    def send_now(self, request: ConverseRequest) -> None:
        """Queue a message without waiting."""


class SpeechContext:
    """One text of a session. Made by ``SpeechSession.context``; append text, iterate over events.

    The events of a context are for one reader. Iteration ends after the terminal event
    (``Completed`` or ``CancelReport``); a context that failed raises its ``SpeechError``. As an
    async context manager it cancels what is still being spoken when the block is left.

    Attributes:
        context_id: Its name on the wire.
        started: What is in effect, once the server told.
        terminal: How it ended, once it did: the last event, or the error.
    """

    def __init__(
        self, wire: Wire, context_id: str, config: SpeechConfig | None, max_buffered_bytes: int
    ) -> None:
        self.context_id = context_id
        self.started: Started | None = None
        self.terminal: Completed | CancelReport | Exception | None = None
        self._wire = wire
        self._config = config
        self._decoder = EventDecoder()
        self._inbox = Inbox(max_buffered_bytes)
        self._max_buffered_bytes = max_buffered_bytes
        self._timeline = Timeline()
        self._text: list[str] = []
        self._flushes = 0
        self._opened = False
        self._finished = False
        self._cancelling = False
        self._done = asyncio.Event()

    # ---- text in ----------------------------------------------------------------------------

    @property
    def text(self) -> str:
        """All text appended so far."""
        return "".join(self._text)

    async def append(self, text: str) -> None:
        """Add text, verbatim. Waits while the connection is congested.

        Raises:
            ClosedError: The context is finished, cancelled or closed.
            OptionError: It is no text that can be sent; nothing of it was.
            SpeechError: The context failed; this is why.
        """
        self._check_open()
        if sendable(text):
            await self._append(text)

    async def flush(self, flush_id: str | None = None) -> str:
        """Have everything appended so far spoken without waiting for more text.

        Returns:
            The id that the ``Flushed`` event will carry. It comes once all is spoken.
        """
        self._check_open()
        if flush_id is not None:
            sendable(flush_id, "flush_id")
        if not self._opened:
            await self._append("")
        self._flushes += 1
        name = flush_id if flush_id is not None else f"flush-{self._flushes}"
        await self._send(flush=FlushText(flush_id=name))
        return name

    async def finish(self) -> None:
        """No more text will come; the context completes once all is spoken. May be repeated."""
        if self._finished:
            return
        self._check_open()
        if not self._opened:
            await self._append("")
        self._finished = True
        await self._send(finish=FinishContext())

    async def report_playback(self, played_s: float) -> None:
        """Tell how much the listener has heard, so that the server keeps its lead."""
        if self._opened and not self._done.is_set():
            await self._send(playback=ReportPlayback(played=duration(played_s)))

    async def cancel(
        self, *, played_s: float | None = None, timeout_s: float = 10.0
    ) -> CancelReport:
        """Stop speaking at once (barge-in). No audio is delivered once this was called.

        Args:
            played_s: What the listener has heard; None: estimated by the clock.
            timeout_s: How long to wait for the server's report.

        Raises:
            OptionError: ``played_s`` is not a time; the context speaks on.
            DeadlineError: The server did not answer in time.
            SpeechError: The context had failed before.
        """
        if played_s is not None:
            duration(played_s)  # what is no time is refused before anything is done
        if not self._done.is_set():
            self._inbox.clear()
            if not self._opened:
                self.deliver(self._own_report(played_s or 0.0, played_s is not None))
            elif not self._cancelling:
                self._cancelling = True
                self._send_cancel(played_s)
            try:
                async with asyncio.timeout(timeout_s):
                    await self._done.wait()
            except TimeoutError:
                raise DeadlineError(
                    f"the server did not confirm the cancel within {timeout_s} s"
                ) from None
        if isinstance(self.terminal, CancelReport):
            return self.terminal
        if isinstance(self.terminal, Exception):
            raise self.terminal
        self._inbox.clear()
        heard_s = self._timeline.audio_s if played_s is None else played_s
        return self._own_report(heard_s, played_s is not None)

    # ---- speech out -------------------------------------------------------------------------

    def __aiter__(self) -> AsyncIterator[SpeechEvent]:
        return self

    async def __anext__(self) -> SpeechEvent:
        event = await self._inbox.get()
        if event is None:
            raise StopAsyncIteration
        return event

    async def audio(self) -> AsyncIterator[Audio]:
        """Only the audio."""
        async for event in self:
            if isinstance(event, Audio):
                yield event

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop without waiting: cancels what is being spoken, ends the iteration."""
        self.abort(None)

    # ---- for the session --------------------------------------------------------------------

    async def wait_for_room(self) -> None:
        """Until its reader has caught up."""
        await self._inbox.wait_for_room()

    def receive(self, response: ConverseResponse) -> None:
        """A message for this context arrived. Never waits."""
        if response.WhichOneof("event") == "failed":
            self.fail(error_from_status(response.failed.status))
            return
        event = self._decoder.decode(response)
        if event is not None:
            self.deliver(event)

    def deliver(self, event: SpeechEvent) -> None:
        """Hand an event to the reader of this context. Never waits."""
        if self._done.is_set():
            return
        match event:
            case Completed() | CancelReport():
                self._end(event)
                self._inbox.end(last=event)
                return
            case Started():
                self.started = event
            case Segment() | Audio():
                self._timeline.add(event)
        if not self._cancelling and not self._inbox.put(event):
            self.abort(
                SlowReaderError(
                    f"context {self.context_id!r} was cancelled: more than "
                    f"{self._max_buffered_bytes} bytes waited for its reader; read its events, "
                    "or raise max_buffered_bytes"
                )
            )

    def fail(self, error: Exception) -> None:
        """It is over: the server or the connection failed it."""
        if not self._done.is_set():
            self._end(error)
            self._inbox.end(error=error)

    def abort(self, error: Exception | None) -> None:
        """It is over for the caller; the server is told to stop. ``error`` None: no complaint."""
        if self._done.is_set():
            return
        if self._opened and not self._cancelling:
            self._send_cancel(None)
        self._end(error or ClosedError(f"context {self.context_id!r} is closed"))
        self._inbox.end(error=error)

    # ---- helpers ----------------------------------------------------------------------------

    def _check_open(self) -> None:
        if isinstance(self.terminal, SpeechError) and not isinstance(self.terminal, ClosedError):
            raise self.terminal
        if self._finished or self._cancelling or self.terminal is not None:
            raise ClosedError(
                f"context {self.context_id!r} takes no more text: it was finished, cancelled or "
                "closed; use a new context"
            )

    async def _append(self, text: str) -> None:
        if self._opened:
            await self._send(append=AppendText(text=text))
            self._text.append(text)
            return
        self._wire.register(self)
        try:
            await self._send(append=AppendText(text=text, config=self._config))
        except BaseException:
            # Interrupted while it waited for room: the server never heard of this context.
            self._wire.forget(self)
            raise
        self._text.append(text)
        self._opened = True
        if self._done.is_set():
            self._send_cancel(None)  # It was cancelled while its first text waited for room.

    async def _send(
        self,
        *,
        append: AppendText | None = None,
        flush: FlushText | None = None,
        finish: FinishContext | None = None,
        playback: ReportPlayback | None = None,
    ) -> None:
        await self._wire.send(
            ConverseRequest(
                context_id=self.context_id,
                append=append,
                flush=flush,
                finish=finish,
                playback=playback,
            )
        )

    def _send_cancel(self, played_s: float | None) -> None:
        played = None if played_s is None else duration(played_s)
        self._wire.send_now(
            ConverseRequest(context_id=self.context_id, cancel=CancelContext(played=played))
        )

    def _end(self, terminal: Completed | CancelReport | Exception) -> None:
        self.terminal = terminal
        self._done.set()

    def _own_report(self, played_s: float, reported: bool) -> CancelReport:  # noqa: FBT001
        text = self.text
        heard = self._timeline.heard_until(text, played_s)
        return CancelReport(
            text_spoken=text[:heard],
            text_remaining=text[heard:],
            audio_sent_s=self._timeline.audio_s,
            played_s=min(played_s, self._timeline.audio_s),
            played_reported=reported,
            usage=self.terminal.usage if isinstance(self.terminal, Completed) else None,
        )

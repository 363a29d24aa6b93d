"""One context of a session, as the fake server does it."""

from __future__ import annotations

import asyncio
from typing import Protocol

from google.protobuf.message import Message

from barkstream.v1 import speech_service_pb2 as pb
from barkstream_client.options import duration, seconds
from barkstream_client.testing.fake_speech import FakeSpeech
from barkstream_client.testing.fake_state import FakePerformer, FakeState
from barkstream_client.testing.fake_status import FakeStatusError, empty_text, invalid, out_of_order

MAX_TEXT_CHARACTERS = 20_000


class Session(Protocol):
    """What a context needs of its session."""

    state: FakeState

    async def send(self, context_id: str, event: Message) -> None:
        """Queue an event."""

    def forget(self, context_id: str) -> bool:
        """A context is over; False: it was already."""


class FakeContext:
    """One text of a session: a task that speaks what was flushed, appended or finished."""

    def __init__(self, session: Session, context_id: str, config: pb.SpeechConfig) -> None:
        self._session = session
        self._context_id = context_id
        self._speech = FakeSpeech(config)
        self._performer = FakePerformer(session.state, self._speech, self.send)
        self._flushes: asyncio.Queue[str | None] = asyncio.Queue()
        self._reported_s: float | None = None
        self._finished = False
        self.task = asyncio.create_task(self._run(), name=f"fake-context-{context_id}")

    async def handle(self, request: pb.ConverseRequest) -> None:
        """Do what the caller says. Raises FakeStatusError."""
        match request.WhichOneof("request"):
            case "append":
                self._append(request.append.text)
            case "flush":
                self._flushes.put_nowait(f"flush:{request.flush.flush_id}")
            case "finish":
                self.finish()
            case "cancel" if not self._session.state.script.ignores_cancel:
                known = request.cancel.HasField("played")
                await self._cancel(seconds(request.cancel.played) if known else None)
            case "playback":
                self._reported_s = seconds(request.playback.played)

    def _append(self, text: str) -> None:
        if self._finished:
            raise out_of_order("the context was finished", reason="CONTEXT_FINISHED")
        if len(self._speech.source.text) + len(text) > MAX_TEXT_CHARACTERS:
            raise invalid("the text is too long", reason="TEXT_TOO_LONG", field="append.text")
        self._speech.source.text += text
        self._flushes.put_nowait("")

    def finish(self) -> None:
        """No more text."""
        if not self._finished:
            self._finished = True
            self._flushes.put_nowait(None)

    async def _cancel(self, played_s: float | None) -> None:
        await self._stop()
        if self._session.forget(self._context_id):
            await self.send(self._speech.cancelled(played_s, self._reported_s))

    async def fail(self, error: FakeStatusError) -> None:
        """End with an error."""
        await self._stop()
        await self._failed(error)

    async def send(self, event: Message) -> None:
        """An event of this context."""
        await self._session.send(self._context_id, event)

    def progress(self) -> pb.Progress:
        """Where it stands."""
        return self._speech.progress()

    async def _run(self) -> None:
        try:
            await self.send(self._speech.started())
            for place in self._session.state.script.queued:
                await self.send(self._speech.queued(*place))
            while (what := await self._flushes.get()) is not None:
                await self._performer.perform(everything=bool(what))
                if what:
                    flushed = pb.Flushed(
                        flush_id=what.removeprefix("flush:"),
                        audio_sent=duration(self._speech.sent_s),
                    )
                    await self.send(flushed)
            if not self._speech.source.text.strip():
                raise empty_text()
            await self._performer.perform(everything=True)
        except FakeStatusError as error:
            await self._failed(error)
            return
        if self._session.forget(self._context_id):
            await self.send(self._speech.completed())

    async def _failed(self, error: FakeStatusError) -> None:
        if self._session.forget(self._context_id):
            await self.send(pb.ContextFailed(status=error.status()))

    async def _stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

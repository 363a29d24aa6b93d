"""Events of one text."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from types import TracebackType
from typing import Self

from barkstream_client.events import Audio, Completed, SpeechEvent, Started


class SpeechStream:
    """What ``stream`` and ``converse`` return: an async iterator of events.

    The call starts with the first event asked for. It is cancelled when the stream is closed:
    by the end of an ``async with`` block, by ``aclose``, or when the iterating task is cancelled.

    Attributes:
        started: What is in effect, once that event was seen.
        completed: The terminal event, once it was seen.
    """

    def __init__(self, events: AsyncGenerator[SpeechEvent]) -> None:
        self.started: Started | None = None
        self.completed: Completed | None = None
        self._events = events

    def __aiter__(self) -> AsyncIterator[SpeechEvent]:
        return self

    async def __anext__(self) -> SpeechEvent:
        event = await anext(self._events)
        if isinstance(event, Started):
            self.started = event
        elif isinstance(event, Completed):
            self.completed = event
        return event

    async def audio(self) -> AsyncIterator[Audio]:
        """Only the audio."""
        async for event in self:
            if isinstance(event, Audio):
                yield event

    async def aclose(self) -> None:
        """Cancel what is still being spoken. May be repeated."""
        await self._events.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

"""Events that wait for their reader."""

from __future__ import annotations

import asyncio
from collections import deque

from barkstream_client.events import Audio, Progress, SpeechEvent

# What an event weighs beside its audio, so that a flood of small ones is bounded too.
EVENT_BYTES = 256


class Inbox:
    """The buffer of one context. Putting never waits, so no context can hold up the others.

    Args:
        max_bytes: ``put`` refuses what would exceed it.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._events: deque[SpeechEvent] = deque()
        self._ended = False
        self._error: Exception | None = None
        self._wake = asyncio.Event()
        self._roomy = asyncio.Event()
        self._roomy.set()

    def put(self, event: SpeechEvent) -> bool:
        """Add an event; False: there is no room for it."""
        if isinstance(event, Progress) and self._events and isinstance(self._events[-1], Progress):
            self._events[-1] = event  # Only the newest says anything.
            return True
        size = _weight(event)
        if self._bytes + size > self._max_bytes:
            return False
        self._bytes += size
        self._events.append(event)
        self._wake.set()
        self._note_room()
        return True

    def end(self, last: SpeechEvent | None = None, error: Exception | None = None) -> None:
        """Nothing more will come. What is buffered is still read, then ``last``, then ``error``."""
        if self._ended:
            return
        if last is not None:
            self._bytes += _weight(last)
            self._events.append(last)
        self._ended, self._error = True, error
        self._wake.set()
        self._roomy.set()

    def clear(self) -> None:
        """Forget what is buffered: nobody shall hear it any more."""
        self._events.clear()
        self._bytes = 0
        self._note_room()

    async def wait_for_room(self) -> None:
        """Until it is at most half full, or ended."""
        await self._roomy.wait()

    async def get(self) -> SpeechEvent | None:
        """The next event, or None at the end. Raises the error it was ended with."""
        while not self._events:
            if self._ended:
                if self._error is not None:
                    raise self._error
                return None
            self._wake.clear()
            await self._wake.wait()
        event = self._events.popleft()
        self._bytes -= _weight(event)
        self._note_room()
        return event

    def _note_room(self) -> None:
        if self._ended or self._bytes <= self._max_bytes // 2:
            self._roomy.set()
        else:
            self._roomy.clear()


def _weight(event: SpeechEvent) -> int:
    return EVENT_BYTES + (len(event.data) if isinstance(event, Audio) else 0)

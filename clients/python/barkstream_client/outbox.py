"""Messages on their way to the server."""

from __future__ import annotations

import asyncio

from barkstream.v1.speech_service_pb2 import ConverseRequest
from barkstream_client.errors import ClosedError


class Outbox:
    """A bounded queue between callers and the one task that writes to the call.

    Callers never touch the call itself: grpc.aio cancels a whole call when the task that writes
    to it is cancelled, so an interrupted ``append`` would end every context of the session.

    Args:
        max_messages: ``put`` waits while so many are queued.
    """

    def __init__(self, max_messages: int) -> None:
        self._queue: asyncio.Queue[tuple[ConverseRequest | None, bool]] = asyncio.Queue()
        self._room = asyncio.Semaphore(max_messages)
        self._closed = False

    async def put(self, request: ConverseRequest) -> None:
        """Queue a message, waiting for room.

        Raises:
            ClosedError: The session was closed.
        """
        await self._room.acquire()
        if self._closed:
            self._room.release()  # Wakes the next one that waits for room.
            raise ClosedError("the session is closed: open a new one")
        self._queue.put_nowait((request, True))

    def put_now(self, request: ConverseRequest) -> None:
        """Queue a message without waiting: cancels, of which each context sends few."""
        if not self._closed:
            self._queue.put_nowait((request, False))

    def close(self) -> None:
        """Let nothing more in. ``get`` returns what is queued, then None."""
        if not self._closed:
            self._closed = True
            self._queue.put_nowait((None, False))
            self._room.release()

    async def get(self) -> ConverseRequest | None:
        """The next message; None: there will be no more."""
        request, counted = await self._queue.get()
        if counted:
            self._room.release()
        return request

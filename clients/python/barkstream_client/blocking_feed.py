"""From an iterator that blocks to one that awaits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import CancelledError
from typing import Any, Generic, TypeVar

T = TypeVar("T")
_END = object()


class BlockingFeed(Generic[T]):
    """Takes items in a thread, one ahead of its reader.

    Nobody ever waits for that thread: an iterator that blocks for ever (a prompt on a terminal)
    would otherwise hold up the end of the program.

    Args:
        items: May block.
        loop: Of the reader.
    """

    def __init__(self, items: Iterable[T], loop: asyncio.AbstractEventLoop) -> None:
        self._items = items
        self._loop = loop
        self._queue: asyncio.Queue[tuple[Any, BaseException | None]] = asyncio.Queue(maxsize=1)
        self._reader_left = threading.Event()

    async def __aiter__(self) -> AsyncIterator[T]:
        """The items. An error of the iterable is raised here."""
        threading.Thread(target=self._pull, name="barkstream-text", daemon=True).start()
        try:
            while True:
                item, error = await self._queue.get()
                if error is not None:
                    raise error
                if item is _END:
                    return
                yield item
        finally:
            self._reader_left.set()
            while not self._queue.empty():
                self._queue.get_nowait()  # The thread may be waiting for room.

    def _pull(self) -> None:
        try:
            for item in self._items:
                if not self._hand_over(item, None):
                    return
        except BaseException as error:  # noqa: BLE001 - it belongs to the reader
            self._hand_over(_END, error)
        else:
            self._hand_over(_END, None)

    def _hand_over(self, item: Any, error: BaseException | None) -> bool:
        """Whether the reader is still there."""
        if self._reader_left.is_set():
            return False
        put = self._queue.put((item, error))
        try:
            asyncio.run_coroutine_threadsafe(put, self._loop).result()
        except (RuntimeError, CancelledError):
            put.close()
            return False  # The loop is closed.
        return not self._reader_left.is_set()

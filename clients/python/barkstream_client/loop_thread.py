"""An event loop in a thread of its own, for callers without one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from typing import Any, TypeVar

from barkstream_client.blocking_feed import BlockingFeed
from barkstream_client.errors import ClosedError

T = TypeVar("T")
_END = object()


class LoopThread:
    """Runs coroutines for other threads."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._lock = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._main, name="barkstream-client", daemon=True)
        self._thread.start()

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Wait for a coroutine. An interrupted wait (Ctrl-C) cancels it.

        Raises:
            ClosedError: The loop was closed.
        """
        with self._lock:
            if self._closed:
                coroutine.close()
                raise ClosedError("the client is closed: connect again")
            future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def call(self, function: Callable[[], T]) -> T:
        """Call a function in the loop's thread."""

        async def calling() -> T:
            return function()

        return self.run(calling())

    def iterate(self, events: AsyncIterator[T]) -> Iterator[T]:
        """The items of an async iterator."""

        async def step() -> Any:
            return await anext(events, _END)

        while (item := self.run(step())) is not _END:
            yield item

    def feed(self, items: Iterable[T]) -> AsyncIterator[T]:
        """The items of a blocking iterable, as an async iterator of this loop."""
        return aiter(BlockingFeed(items, self._loop))

    def close(self) -> None:
        """Cancel what runs, end the thread. May be repeated."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _main(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            tasks = asyncio.all_tasks(self._loop)
            for task in tasks:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

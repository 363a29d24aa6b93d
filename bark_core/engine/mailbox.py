"""Commands on their way to the loop: ordered, thread-safe, bounded."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict, deque

from bark_core.engine.commands import Abort, Command, ReportPlayback, Submit

MAX_REPORTS = 1024
"""Streams whose playback reports may wait at once; the oldest report gives way."""


class Mailbox:
    """An inbox between threads.

    Submissions and aborts are bounded by the live utterances, which are counted where they come
    from. Of the playback reports only the latest of a stream is kept.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._orders: deque[Submit | Abort] = deque()
        self._reports: OrderedDict[str, ReportPlayback] = OrderedDict()
        self._stopped = False
        self._woken = False

    def put(self, command: Command) -> None:
        """Hand a command over; never blocks."""
        with self._changed:
            if isinstance(command, ReportPlayback):
                self._reports.pop(command.stream_id, None)
                self._reports[command.stream_id] = command
                while len(self._reports) > MAX_REPORTS:
                    self._reports.popitem(last=False)
            else:
                self._orders.append(command)
            self._changed.notify()

    def stop(self) -> None:
        """Nothing is taken any more."""
        with self._changed:
            self._stopped = True
            self._changed.notify()

    def wake(self) -> None:
        """Whoever takes, now or next, does not wait."""
        with self._changed:
            self._woken = True
            self._changed.notify()

    def take(self, wait_s: float, busy_since_s: float = math.inf) -> list[Command] | None:  # noqa: ARG002 - nobody can mend a thread that hangs
        """All commands; waits at most ``wait_s`` for the first. None: stopped."""
        with self._changed:
            if wait_s > 0 and not (self._orders or self._reports or self._stopped or self._woken):
                self._changed.wait(None if math.isinf(wait_s) else wait_s)
            self._woken = False
            if self._stopped:
                return None
            commands: list[Command] = [*self._orders, *self._reports.values()]
            self._orders.clear()
            self._reports.clear()
            return commands

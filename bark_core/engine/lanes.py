"""Where batches run: in the loop's own thread, or beside it in threads of their own.

A processor core gains little from helping another one with the products of a small model, but two
cores can work on batches of two stages, whose states have nothing in common.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Protocol

from bark_core.backends.base import Backend, Output
from bark_core.engine.assignment import Assignment
from bark_core.engine.runs import execute


@dataclass(frozen=True, slots=True, eq=False)
class Landing:
    """What has ended: with the outputs of its batches, or with what one of them raised.

    Attributes:
        ran_s: How long the back end took.
    """

    assignment: Assignment
    outputs: tuple[Output, ...] = ()
    ran_s: float = 0.0
    error: BaseException | None = None


class Lanes(Protocol):
    """Used from the loop's thread."""

    @property
    def free(self) -> int:
        """Batches that may start now."""
        ...

    def start(self, assignments: Sequence[Assignment]) -> None:
        """Run batches, at most ``free``, of stages of which no other is under way.

        With a single lane they run in here.
        """
        ...

    def take(self) -> list[Landing]:
        """Batches that have ended since the last call."""
        ...

    def wait(self, wait_s: float) -> None:
        """Until a batch has ended, at most so long; returns at once where none is under way."""
        ...

    def close(self) -> None:
        """Wait for what is under way, and free all threads; the next start makes new ones."""
        ...


def lanes_of(backend: Backend, wake: Callable[[], None], clock: Callable[[], float]) -> Lanes:
    """As many as the back end has.

    Args:
        backend: Runs batches.
        wake: Called from any thread when a batch has ended that was not waited for.
        clock: Seconds.
    """
    count = backend.limits.lanes
    return OwnLane(backend, clock) if count == 1 else ThreadLanes(backend, count, wake, clock)


class OwnLane:
    """The loop's thread alone: ``start`` returns when the batch has ended."""

    def __init__(self, backend: Backend, clock: Callable[[], float]) -> None:
        self._backend = backend
        self._clock = clock
        self._landed: list[Landing] = []

    @property
    def free(self) -> int:
        """One, if what has ended was taken."""
        return 0 if self._landed else 1

    def start(self, assignments: Sequence[Assignment]) -> None:
        """Run it."""
        for assignment in assignments:
            self._landed.append(_run(self._backend, assignment, self._clock))

    def take(self) -> list[Landing]:
        """The one that ran."""
        landed, self._landed = self._landed, []
        return landed

    def wait(self, wait_s: float) -> None:
        """Nothing is ever under way."""

    def close(self) -> None:
        """Nothing to free."""


class ThreadLanes:
    """Each lane has a thread; the loop's own only decides, so that no lane ever waits for another.

    Args:
        backend: Its ``execute`` is called from all of them.
        count: Of lanes, 2 or more.
        wake: Called from a lane's thread when its batch has ended.
        clock: Seconds.
    """

    def __init__(
        self, backend: Backend, count: int, wake: Callable[[], None], clock: Callable[[], float]
    ) -> None:
        self._backend = backend
        self._count = count
        self._wake = wake
        self._clock = clock
        self._under_way = 0
        self._orders: SimpleQueue[Assignment | None] = SimpleQueue()  # None: end
        self._ended: SimpleQueue[Landing] = SimpleQueue()
        self._landed: list[Landing] = []  # taken from ``_ended``, or from no other thread
        self._threads: list[threading.Thread] = []  # none until there is something to hand over

    @property
    def free(self) -> int:
        """What is over and not taken yet still counts as under way."""
        return self._count - self._under_way

    def start(self, assignments: Sequence[Assignment]) -> None:
        """Hand them over."""
        if assignments and not self._threads:
            # Daemons, so that a program that forgets to close an engine can end.
            self._threads = [
                threading.Thread(target=self._work, name=f"barkstream-lane-{number}", daemon=True)
                for number in range(self._count)
            ]
            for thread in self._threads:
                thread.start()
        self._under_way += len(assignments)
        for assignment in assignments:
            self._orders.put(assignment)

    def take(self) -> list[Landing]:
        """In the order in which they have ended."""
        landed, self._landed = self._landed, []
        with suppress(Empty):
            while True:
                landed.append(self._ended.get_nowait())
        self._under_way -= len(landed)
        return landed

    def wait(self, wait_s: float) -> None:
        """Until a batch has ended."""
        if wait_s <= 0 or self._landed or not self._under_way:
            return
        with suppress(Empty):
            self._landed.append(self._ended.get(timeout=None if math.isinf(wait_s) else wait_s))

    def close(self) -> None:
        """What is under way ends first."""
        for _ in self._threads:
            self._orders.put(None)
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def _work(self) -> None:
        while (assignment := self._orders.get()) is not None:
            try:
                landing = _run(self._backend, assignment, self._clock)
            except BaseException as error:  # noqa: BLE001 - who waits for it is to raise it
                landing = Landing(assignment, error=error)
            self._ended.put(landing)
            del assignment, landing  # nobody is to be kept alive until the next batch
            self._wake()


def _run(backend: Backend, assignment: Assignment, clock: Callable[[], float]) -> Landing:
    began_s = clock()
    try:
        outputs = execute(backend, assignment.batch, assignment.later)
        return Landing(assignment, outputs, clock() - began_s)
    except Exception as error:  # noqa: BLE001 - whatever it is, others must go on
        return Landing(assignment, error=error)

"""Lanes in pretended time: batches that last, and end in an order of the test's choosing."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from bark_core.backends.base import Backend
from bark_core.backends.fake.under_way import UnderWay
from bark_core.engine.assignment import Assignment
from bark_core.engine.lanes import Landing
from bark_core.engine.runs import execute


@dataclass
class _Flight:
    due_s: float
    lasts_s: float
    assignment: Assignment
    held: ExitStack = field(default_factory=ExitStack)


class PretendedLanes:
    """Runs a batch at the moment at which it is over: whatever happens meanwhile would show.

    Args:
        backend: Runs batches; takes no time itself.
        now_s: The pretended clock.
        lasts_s: How long a batch lasts.
    """

    def __init__(
        self,
        backend: Backend,
        now_s: Callable[[], float],
        lasts_s: Callable[[Assignment], float],
    ) -> None:
        self._backend = backend
        self._count = backend.limits.lanes
        self._now_s = now_s
        self._lasts_s = lasts_s
        self._flights: list[_Flight] = []
        self.under_way = UnderWay(backend.limits)
        self.most = 0

    @property
    def free(self) -> int:
        return self._count - len(self._flights)

    @property
    def next_s(self) -> float:
        """When the next batch ends."""
        return min((flight.due_s for flight in self._flights), default=math.inf)

    @property
    def latest_s(self) -> float:
        """When the last one of them does."""
        return max((flight.due_s for flight in self._flights), default=-math.inf)

    def has(self, kind: str) -> bool:
        """A batch of this class is under way."""
        return any(type(flight.assignment.batch).__name__ == kind for flight in self._flights)

    def start(self, assignments: Sequence[Assignment]) -> None:
        for assignment in assignments:
            lasts_s = self._lasts_s(assignment)
            flight = _Flight(self._now_s() + lasts_s, lasts_s, assignment)
            flight.held.enter_context(self.under_way.batch(assignment.batch))
            self._flights.append(flight)
        self.most = max(self.most, len(self._flights))

    def take(self) -> list[Landing]:
        ended = [flight for flight in self._flights if flight.due_s <= self._now_s()]
        ended.sort(key=lambda flight: flight.due_s)
        self._flights = [flight for flight in self._flights if flight not in ended]
        return [self._land(flight) for flight in ended]

    def wait(self, wait_s: float) -> None:
        """Time passes elsewhere."""

    def close(self) -> None:
        """What is under way is forgotten."""
        for flight in self._flights:
            flight.held.close()

    def _land(self, flight: _Flight) -> Landing:
        try:
            outputs = execute(self._backend, flight.assignment.batch, flight.assignment.later)
        except Exception as error:  # noqa: BLE001 - as in real lanes
            return Landing(flight.assignment, error=error)
        finally:
            flight.held.close()
        return Landing(flight.assignment, outputs, flight.lasts_s)

"""The engine loop, on one screen."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self, assert_never

from bark_core.backends.base import Backend
from bark_core.config import BarkConfig
from bark_core.engine.assignment import Assignment
from bark_core.engine.commands import Abort, Command, ReportPlayback, Submit, TickReport
from bark_core.engine.costs import MeasuredCosts
from bark_core.engine.events import Event
from bark_core.engine.interface import EngineLimits
from bark_core.engine.lanes import Landing, Lanes, lanes_of
from bark_core.engine.machine_time import MachineTime
from bark_core.engine.recovery import Recovery
from bark_core.engine.scheduler import Scheduler

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Turn:
    """What came of one turn.

    Attributes:
        report: What to tell, or None.
        wait_s: How long nothing needs to be done unless a command comes or a batch ends; 0: go on
            at once; inf: until then.
        busy_since_s: When the oldest batch under way began; inf: none is.
    """

    report: TickReport | None
    wait_s: float
    busy_since_s: float = math.inf


class EngineLoop:
    """Turns commands into events, batch by batch. Used from one thread; close it, or use ``with``.

    Args:
        backend: Runs batches.
        config: Of its checkpoint.
        limits: Bounds.
        clock: Seconds.
        costs: What batches cost, as far as it is known already; it goes on learning.
        wake: Called from any thread when a batch has ended: it is time for another turn.
        lanes: Where batches run; None: where the back end's limits say.
    """

    def __init__(
        self,
        backend: Backend,
        config: BarkConfig,
        limits: EngineLimits,
        clock: Callable[[], float],
        costs: MeasuredCosts | None = None,
        *,
        wake: Callable[[], None] = lambda: None,
        lanes: Lanes | None = None,
    ) -> None:
        self._backend = backend
        self._clock = clock
        self._scheduler = Scheduler(config, backend.limits, limits, costs)
        self._recovery = Recovery(self._scheduler)
        self._time = MachineTime()
        self._lanes = lanes or lanes_of(backend, wake, clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def obey(self, command: Command) -> None:
        """Take a command; it has effect before the next batch."""
        match command:
            case Submit(request, arrival_s):
                self._scheduler.add(request, arrival_s)
            case Abort(utterance_ids):
                self._scheduler.abort(utterance_ids, self._clock())
            case ReportPlayback(stream_id, played_s):
                self._scheduler.report_playback(stream_id, played_s, self._clock())
            case _:
                assert_never(command)

    def first_report(self) -> TickReport:
        """What to tell before anything has happened."""
        return self._told(())

    def turn(self) -> Turn:
        """Take the answers of batches that have ended, and start as many as can run now.

        Raises:
            BackendBrokenError: The back end fails whatever it is given.
        """
        self._land()
        scheduler, now_s = self._scheduler, self._clock()
        scheduler.advance(now_s)
        if unclean := scheduler.slots.take_unclean():
            self._backend.reset(unclean)
        self._lanes.start(self._assignments(now_s))
        if self._land():  # what ran in this thread
            return Turn(self._report(), 0.0, self._time.busy_since_s)
        self._time.rest()
        return Turn(self._report(), self._wait_s(now_s), self._time.busy_since_s)

    def wait(self, wait_s: float) -> None:
        """Until a batch has ended, for who has nothing else to wait for.

        Returns after ``wait_s`` at the latest, and at once if no batch is under way.
        """
        self._lanes.wait(wait_s)

    def close(self) -> None:
        """Wait for the batches under way, and free all threads. Another turn makes new ones."""
        self._lanes.close()

    def _assignments(self, now_s: float) -> list[Assignment]:
        """As many batches as there are lanes, and as there is something to do."""
        made: list[Assignment] = []
        while len(made) < self._lanes.free:
            assignment = self._scheduler.next(now_s)
            if assignment is None:
                break
            self._time.begin(assignment, now_s)
            made.append(assignment)
        return made

    def _land(self) -> bool:
        """Take the answers that are there. -> there were some."""
        landings = self._lanes.take()
        for landing in landings:
            self._take(landing)
        return bool(landings)

    def _take(self, landing: Landing) -> None:
        assignment, now_s = landing.assignment, self._clock()
        spent = self._time.end(assignment, now_s, landing.ran_s)
        self._scheduler.land(assignment)
        if landing.error is not None:
            if not isinstance(landing.error, Exception):
                raise landing.error  # it is meant for the whole program
            _log.error("a batch of %s failed", assignment.work.value, exc_info=landing.error)
            self._recovery.failed(assignment, landing.error, now_s)
            return
        assert landing.outputs
        self._recovery.succeeded(assignment.work)
        self._scheduler.commit(assignment, landing.outputs, spent, now_s)

    def _wait_s(self, now_s: float) -> float:
        wake_at_s = self._scheduler.wake_at_s(now_s)
        return math.inf if wake_at_s is None else max(0.0, wake_at_s - now_s)

    def _report(self) -> TickReport | None:
        events = self._scheduler.take_events()
        return self._told(events) if events else None

    def _told(self, events: Sequence[Event]) -> TickReport:
        scheduler, now_s = self._scheduler, self._clock()
        return TickReport(
            events,
            scheduler.running,
            scheduler.meter.realtime_factor,
            scheduler.tally.take(),
            scheduler.least_lead_s(now_s),
            scheduler.outlook(now_s),
        )

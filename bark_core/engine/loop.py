"""The engine loop, on one screen."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import assert_never

from bark_core.backends.base import Backend
from bark_core.config import BarkConfig
from bark_core.engine.commands import Abort, Command, ReportPlayback, Submit, TickReport
from bark_core.engine.costs import MeasuredCosts
from bark_core.engine.events import Event
from bark_core.engine.interface import EngineLimits
from bark_core.engine.recovery import Recovery
from bark_core.engine.scheduler import Scheduler

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Turn:
    """What came of one turn.

    Attributes:
        report: What to tell, or None.
        wait_s: How long nothing needs to be done unless a command comes; 0: go on at once; inf:
            until one comes.
    """

    report: TickReport | None
    wait_s: float


class EngineLoop:
    """Turns commands into events, batch by batch. Used from one thread.

    Args:
        backend: Runs batches.
        config: Of its checkpoint.
        limits: Bounds.
        clock: Seconds.
        costs: What batches cost, as far as it is known already; it goes on learning.
    """

    def __init__(
        self,
        backend: Backend,
        config: BarkConfig,
        limits: EngineLimits,
        clock: Callable[[], float],
        costs: MeasuredCosts | None = None,
    ) -> None:
        self._backend = backend
        self._clock = clock
        self._scheduler = Scheduler(config, backend.limits, limits, costs)
        self._recovery = Recovery(self._scheduler)
        self._busy_until_s: float | None = (
            None  # the last batch ended then, and nobody waited since
        )

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
        """Run one batch, if there is one.

        Raises:
            BackendBrokenError: The back end fails whatever it is given.
        """
        scheduler, now_s = self._scheduler, self._clock()
        scheduler.advance(now_s)
        if unclean := scheduler.slots.take_unclean():
            self._backend.reset(unclean)
        assignment = scheduler.next(now_s)
        if assignment is None:
            self._busy_until_s = None
            return Turn(self._report(), self._wait_s(now_s))
        try:
            output = self._backend.execute(assignment.batch)
        except Exception as error:  # noqa: BLE001 - whatever it is, others must go on
            _log.exception("a batch of %s failed", assignment.work.value)
            self._recovery.failed(assignment, error, self._clock())
        else:
            self._recovery.succeeded(assignment.work)
            end_s = self._clock()
            # What happens between two batches belongs to the cost of the second.
            begin_s = now_s if self._busy_until_s is None else self._busy_until_s
            scheduler.costs.add(
                assignment.work, len(assignment.utterances), assignment.fed, end_s - begin_s
            )
            scheduler.commit(assignment, output, started_s=now_s, now_s=end_s)
            self._busy_until_s = end_s
        return Turn(self._report(), 0.0)

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

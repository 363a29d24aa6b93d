"""What to do after a back end raised: find the row to blame, keep everybody else going."""

from __future__ import annotations

from collections import Counter

from bark_core.engine.assignment import Assignment
from bark_core.engine.scheduler import Scheduler
from bark_core.engine.utterance import Utterance
from bark_core.engine.work import REPEATABLE, Work
from bark_core.errors import BarkstreamError, EngineFailureError

MAX_FAILURES_IN_A_ROW = 3
"""Utterances that may fail at one kind of work, each in a batch of its own, without any batch of
that kind succeeding in between; then the back end is broken, not the utterances."""


class BackendBrokenError(Exception):
    """The back end fails whatever it is given. The engine has to make a new one."""


class Recovery:
    """Rules for failed batches.

    The rows of a failed batch run again, each alone. One that fails alone has failed for good; one
    that gets past the place where the batch failed joins the others again. Work that leaves no
    state behind (prefills, fine passes) is repeated as it is. Otherwise the state of every slot of
    the batch is uncertain: those utterances are made anew from their first token, silently up to
    the sample where their audio had arrived. Draws are keyed, so it is the same audio.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._failures_in_a_row: Counter[Work] = Counter()

    def succeeded(self, work: Work) -> None:
        """A batch of this kind went well."""
        self._failures_in_a_row[work] = 0

    def failed(self, assignment: Assignment, error: Exception, now_s: float) -> None:
        """A batch raised.

        Raises:
            BackendBrokenError: Too many utterances failed in a row.
        """
        for rider in assignment.riders:
            if rider.gone:
                continue
            utterance = rider.utterance
            if utterance.alone_at(assignment.work):
                self._give_up(utterance, assignment.work, error, now_s)
                continue
            utterance.suspect(assignment.work, assignment.steps)
            if assignment.work not in REPEATABLE:
                self._scheduler.rebuild(utterance)

    def _give_up(self, utterance: Utterance, work: Work, error: Exception, now_s: float) -> None:
        self._failures_in_a_row[work] += 1
        failure = error
        if not isinstance(failure, BarkstreamError):
            failure = EngineFailureError(
                f"the model failed on this utterance ({type(error).__name__}); "
                "others go on. Change the text or the options, or report it"
            )
        self._scheduler.fail(utterance, failure, now_s)
        if self._failures_in_a_row[work] >= MAX_FAILURES_IN_A_ROW:
            raise BackendBrokenError(
                f"{MAX_FAILURES_IN_A_ROW} utterances in a row failed at {work.value}"
            ) from error

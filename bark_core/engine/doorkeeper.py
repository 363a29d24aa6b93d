"""Decides about newcomers at once: let in, put in line, or turned away with a true reason.

It looks at the latest ``Outlook`` and at those let in since then. Only the first utterance of a
text is a newcomer: whoever was let in is never turned away in the middle of a text.
"""

from __future__ import annotations

from collections import deque

from bark_core.engine.interface import EngineLimits
from bark_core.engine.outlook import Outlook, Waiting, ahead_of
from bark_core.engine.request import UtteranceRequest
from bark_core.errors import CapacityError, DeadlineError

LEAST_RETRY_S = 0.1
"""No caller is told to come back sooner."""

MOST_RETRY_S = 60.0
"""Nor later: what is expected of so far ahead is worth nothing."""

UNSURE = 2.0
"""Nobody is put in line who would wait in vain if it took so many times longer than expected.
(Embedded voice on two cores, three times as many callers as it can feed: of 103 in line nobody
waited longer than 1.84 times.)"""


class Doorkeeper:
    """Used under the lock of its owner.

    Args:
        limits: Longest line and longest wait.
    """

    def __init__(self, limits: EngineLimits) -> None:
        self._limits = limits
        self._outlook: Outlook | None = None
        self._sent = 0
        self._unseen: deque[tuple[int, Waiting]] = deque()

    @property
    def places(self) -> int:
        """Listeners that can be fed at once; 0: not known."""
        return 0 if self._outlook is None else self._outlook.places

    @property
    def in_line(self) -> int:
        """Streams that wait for a place."""
        return 0 if self._outlook is None else len(self._outlook.line)

    def reset(self) -> None:
        """The engine starts anew."""
        self._outlook, self._sent = None, 0
        self._unseen.clear()

    def learn(self, outlook: Outlook) -> None:
        """The latest news."""
        self._outlook = outlook
        while self._unseen and self._unseen[0][0] <= outlook.obeyed:
            self._unseen.popleft()

    def wait_s(self, now_s: float, priority: int = 0) -> float:
        """How long a newcomer would wait for a place; 0 where nothing is known."""
        outlook = self._outlook
        if outlook is None:
            return 0.0
        return outlook.wait_s(ahead_of(priority, self._line(outlook)), now_s)

    def retry_after_s(self, now_s: float) -> float:
        """When it is worth to come back."""
        return _bounded(self.wait_s(now_s))

    def check(self, request: UtteranceRequest, now_s: float) -> None:
        """Whether an utterance may come in; it may have to wait in line.

        Raises:
            CapacityError: The line is full (``LINE_FULL``) or closed, because somebody is about
                to run dry (``SHORT_OF_TIME``), or the wait would be too long (``WAIT_TOO_LONG``).
                It says when a place is expected to be free.
            DeadlineError: It would not be made by its deadline (``DEADLINE_TOO_SHORT``).
        """
        outlook = self._outlook
        if outlook is None or request.index > 0:
            return
        line = self._line(outlook)
        wait_s = outlook.wait_s(ahead_of(request.priority, line), now_s)
        retry_after_s = _bounded(wait_s)
        if wait_s > 0 and len(line) >= self._limits.max_waiting:
            raise CapacityError(
                f"all {outlook.places} places are taken and {len(line)} wait already; try again "
                f"in about {retry_after_s:.1f} s, when a place is expected to be free",
                retry_after_s=retry_after_s,
                reason="LINE_FULL",
            )
        if wait_s > 0 and not outlook.line_open:
            raise CapacityError(
                "the machine is short of time for those it speaks to; try again in about "
                f"{retry_after_s:.1f} s",
                retry_after_s=retry_after_s,
                reason="SHORT_OF_TIME",
            )
        if UNSURE * wait_s > self._limits.max_wait_s:
            raise CapacityError(
                f"the wait for a place would be {retry_after_s:.1f} s or more, too long to be sure "
                f"of one within {self._limits.max_wait_s:g} s; try again in about that time",
                retry_after_s=retry_after_s,
                reason="WAIT_TOO_LONG",
            )
        if request.deadline_s is None:
            return
        needed_s = wait_s + outlook.keeps_s(request)
        left_s = request.deadline_s - now_s
        if needed_s > left_s:
            raise DeadlineError(
                f"the deadline leaves {max(left_s, 0.0):.1f} s, and about {needed_s:.1f} s are "
                f"needed, {wait_s:.1f} s of them for a place; give the call more time, or try "
                "again when the server is less busy",
                reason="DEADLINE_TOO_SHORT",
            )

    def sent(self, request: UtteranceRequest) -> None:
        """An utterance went to the engine."""
        self._sent += 1
        if self._outlook is not None and request.index == 0:
            keeps_s = self._outlook.keeps_s(request)
            self._unseen.append((self._sent, Waiting(request.priority, keeps_s)))

    def _line(self, outlook: Outlook) -> list[Waiting]:
        return [*outlook.line, *(waiting for _, waiting in self._unseen)]


def _bounded(wait_s: float) -> float:
    return min(max(wait_s, LEAST_RETRY_S), MOST_RETRY_S)

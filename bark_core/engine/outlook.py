"""Who will get a place, and when: expectations of a loaded engine, as plain data and pure rules.

The engine's loop makes an ``Outlook`` of what it measures. It travels to whoever decides about
newcomers, which therefore need not wait for a batch to end.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bark_core.engine.length import typical_s
from bark_core.engine.request import UtteranceRequest


@dataclass(frozen=True, slots=True)
class Waiting:
    """Somebody in line.

    Attributes:
        priority: Higher ones go first; among equals who came first.
        keeps_s: How long the place will be kept.
    """

    priority: int
    keeps_s: float


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is expected.

    Attributes:
        at_s: Moment it was made, of the clock of all moments here.
        obeyed: Submissions that it knows of, counted from the start of the engine.
        places: Listeners that can be fed at once.
        free_at_s: When each place will be free, earliest first; past: it is free.
        line: Those who wait for a place, in order.
        turn_s: Time between two that began lately, while somebody waited; 0: nobody has.
        first_audio_s: From getting a place to the first audio.
        pace: Seconds for a second of audio while all places are taken.
        speech_ratio: Audio of this model for a second of what is typical for a text.
        line_open: False: somebody is about to run dry, so nobody more may stand in line.
    """

    at_s: float
    obeyed: int
    places: int
    free_at_s: tuple[float, ...]
    line: tuple[Waiting, ...]
    turn_s: float
    first_audio_s: float
    pace: float
    speech_ratio: float
    line_open: bool = True

    def audio_s(self, request: UtteranceRequest) -> float:
        """Expected length of an utterance and of what was known to follow it."""
        return (typical_s(request) + request.following_s) * self.speech_ratio

    def made_s(self, audio_s: float) -> float:
        """From getting a place to the end of the work."""
        return self.first_audio_s + audio_s * self.pace

    def keeps_s(self, request: UtteranceRequest) -> float:
        """How long a place is kept for an utterance."""
        return self.made_s(self.audio_s(request))

    def wait_s(self, ahead: Iterable[Waiting], now_s: float) -> float:
        """How long somebody waits for a place who has these ahead of it; 0: there is one."""
        free_s = [max(0.0, at_s - now_s) for at_s in self.free_at_s]
        if not free_s:
            return math.inf
        heapq.heapify(free_s)
        turn = 1
        for waiting in ahead:
            turn += 1
            heapq.heapreplace(free_s, free_s[0] + waiting.keeps_s)
        if free_s[0] <= 0:
            return 0.0
        # Those in line have lately moved up at this rate, whatever is to be expected.
        return max(free_s[0], turn * self.turn_s - (now_s - self.at_s))


def ahead_of(priority: int, line: Iterable[Waiting]) -> list[Waiting]:
    """Those of a line behind whom a newcomer of this priority has to stand."""
    return [waiting for waiting in line if waiting.priority >= priority]


@dataclass(frozen=True, slots=True)
class Making:
    """A stream that has a place.

    Attributes:
        left_s: Audio still to be made.
        held_s: Audio in hand, not yet heard.
        max_lead_s: More than this is not held; None: no bound.
    """

    left_s: float
    held_s: float
    max_lead_s: float | None


def ends_s(making: Sequence[Making], paces: Sequence[float]) -> list[float]:
    """How long until each is made, earliest first, if the machine's time is shared evenly.

    Args:
        making: All that are being made.
        paces: Seconds for a second of audio of each of n at once, at index n.
    """
    line = sorted(making, key=lambda one: one.left_s)
    ends, at_s, done_s = [], 0.0, 0.0
    for number, one in enumerate(line):
        at_s += (one.left_s - done_s) * paces[len(line) - number]
        done_s = one.left_s
        paced_s = 0.0
        if one.max_lead_s is not None:  # it is not made sooner than its listener lets it
            paced_s = one.left_s + one.held_s - one.max_lead_s
        ends.append(max(at_s, paced_s))
    return sorted(ends)

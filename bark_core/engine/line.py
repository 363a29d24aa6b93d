"""The line of those who wait for a slot or a place."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from bark_core.engine.events import UtteranceQueued
from bark_core.engine.interface import EngineLimits
from bark_core.engine.outlook import Outlook
from bark_core.engine.utterance import Utterance
from bark_core.errors import CapacityError

MOST_S = 3600.0
"""No longer wait is told to anybody."""


def line_of(live: Iterable[Utterance]) -> list[Utterance]:
    """Heads without a slot, in the order in which they get one.

    First those whose stream has a place, then by priority, those that go on with a text before
    those that begin one, and in the order of submission (which is that of ``live``).
    """
    heads = [utterance for utterance in live if utterance.slot is None and utterance.is_head]
    return sorted(
        heads, key=lambda u: (not u.stream.has_place, -u.request.priority, not u.request.index)
    )


def waits_until_s(utterance: Utterance, limits: EngineLimits) -> float:
    """When a text that has not begun has waited for too long; never in the middle of one."""
    if not limits.measured_places or utterance.stream.has_place or utterance.request.index:
        return math.inf
    return utterance.arrival_s + limits.max_wait_s


def waited_in_vain(limits: EngineLimits) -> CapacityError:
    """Why a text is given up that has waited for so long."""
    return CapacityError(
        f"no place was free within {limits.max_wait_s:g} s; try again later",
        retry_after_s=limits.max_wait_s,
        reason="WAITED_TOO_LONG",
    )


def moved(line: Sequence[Utterance]) -> bool:
    """Somebody in line has another position than was told."""
    return any(utterance.position != at for at, utterance in enumerate(line, 1))


def positions(
    line: Sequence[Utterance], outlook: Outlook, limits: EngineLimits
) -> list[UtteranceQueued]:
    """Tell those whose position has changed. ``outlook`` is of the same line."""
    told = []
    for at, utterance in enumerate(line, 1):
        if utterance.position != at:
            utterance.position = at
            wait_s = outlook.wait_s(outlook.line[: at - 1], outlook.at_s)
            left_s = waits_until_s(utterance, limits) - outlook.at_s
            told.append(UtteranceQueued(utterance.utterance_id, at, min(wait_s, left_s, MOST_S)))
    return told

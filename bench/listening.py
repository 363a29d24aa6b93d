"""How many listened at once, and how many of them without a stutter."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# A number of listeners counts as reached once it lasted so long in all.
LASTING_S = 1.0


@dataclass(frozen=True, slots=True)
class Level:
    """So many listened from then to then."""

    start_s: float
    end_s: float
    listeners: int


def levels(intervals: Iterable[tuple[float, float]]) -> list[Level]:
    """Listeners over time, from when each began and stopped listening."""
    changes = sorted(
        change
        for start_s, end_s in intervals
        if end_s > start_s
        for change in ((start_s, 1), (end_s, -1))
    )
    result: list[Level] = []
    listeners, since_s = 0, 0.0
    for at_s, change in changes:
        if at_s > since_s and listeners:
            result.append(Level(since_s, at_s, listeners))
        listeners, since_s = listeners + change, at_s
    return result


def mean_listeners(over_time: Sequence[Level], window_s: float) -> float:
    """Average over the window from 0 to then."""
    listened_s = sum(
        level.listeners * max(min(level.end_s, window_s) - level.start_s, 0) for level in over_time
    )
    return listened_s / window_s


def sustained_listeners(over_time: Sequence[Level], underrun_starts_s: Iterable[float]) -> int:
    """The most that listened at once for a lasting time without an underrun.

    No underrun began while so many listened or fewer.
    """
    too_many = [
        level.listeners
        for at_s in underrun_starts_s
        for level in over_time
        if level.start_s <= at_s < level.end_s
    ]
    most = max((level.listeners for level in over_time), default=0)
    for listeners in range(min([most, *(number - 1 for number in too_many)]), 0, -1):
        lasted_s = sum(
            level.end_s - level.start_s for level in over_time if level.listeners >= listeners
        )
        if lasted_s >= LASTING_S:
            return listeners
    return 0

"""How much time is planned for nobody: more for some minutes after somebody ran dry.

What batches cost is measured, but what else a machine has to do, and when, is not: the callers of a
test on the same cores, a backup, a neighbour in the same box. The measure of that is whether those
who were let in run dry. So the headroom grows by a step with every listener who does, and shrinks
back slowly while nobody does, as senders find out what a network can carry (Jacobson, "Congestion
Avoidance and Control", 1988; Chiu and Jain, "Analysis of the Increase and Decrease Algorithms for
Congestion Avoidance in Computer Networks", 1989).
"""

from __future__ import annotations

import math

STEP = 0.1
"""Part of the machine's time that one listener's running dry takes from planning, at most."""

LONG_S = 0.1
"""A silence from which on it takes all of that; a shorter one takes in proportion."""

MOST = 0.8
"""Never more in all: something is planned for somebody."""

HALF_LIFE_S = 120.0
"""In which half of what was added is given back."""


class Caution:
    """Without a clock of its own; moments are of one monotonic clock.

    Args:
        least: Part of the time that is planned for nobody in any case, 0 to below 1.
    """

    def __init__(self, least: float) -> None:
        self._least = least
        self._added = 0.0
        self._at_s = 0.0

    def headroom(self, now_s: float) -> float:
        """Part of the time that is planned for nobody now."""
        kept = math.pow(0.5, (now_s - self._at_s) / HALF_LIFE_S)
        return self._least + self._added * kept

    def ran_dry(self, now_s: float, *, fed: int, silent_s: float) -> None:
        """A listener had nothing for ``silent_s`` while ``fed`` utterances wanted to be fed.

        Who is fed alone runs dry because the machine is too slow, whoever is let in.
        """
        if fed > 1:
            step = STEP * min(silent_s / LONG_S, 1.0)
            headroom = min(self.headroom(now_s) + step, max(MOST, self._least))
            self._added, self._at_s = headroom - self._least, now_s

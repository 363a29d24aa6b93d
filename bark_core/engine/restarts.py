"""How often, and how soon, something that died is started again."""

from __future__ import annotations

from collections import deque

WINDOW_S = 60.0
FIRST_DELAY_S = 0.05
MAX_DELAY_S = 5.0


class RestartBudget:
    """At most ``limit`` restarts a minute, each later than the one before."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._deaths: deque[float] = deque()

    def spend(self, now_s: float) -> float | None:
        """A death happened. -> seconds until the next start, or None: enough is enough."""
        while self._deaths and now_s - self._deaths[0] > WINDOW_S:
            self._deaths.popleft()
        self._deaths.append(now_s)
        if len(self._deaths) > self._limit:
            return None
        return float(min(MAX_DELAY_S, FIRST_DELAY_S * 4 ** (len(self._deaths) - 1)))

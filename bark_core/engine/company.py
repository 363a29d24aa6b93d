"""Who else wants to be fed, and when each of them would miss it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Company:
    """Streams that could run something now, each with the utterance that its listener waits for.

    Attributes:
        dues_s: Of each, the moment of running dry, or by which its first audio is due.
    """

    dues_s: Sequence[float] = ()

    @property
    def fed(self) -> int:
        """How many they are."""
        return len(self.dues_s)

    def due_by(self, moment_s: float) -> int:
        """Those who are served before a listener that has enough until then, and that listener."""
        return max(1, sum(due_s <= moment_s for due_s in self.dues_s))

"""Times a speech as its listener has it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(slots=True)
class Stopwatch:
    """Starts with the first text, notes the first audio."""

    started_s: float | None = None
    first_audio_s: float | None = None

    def watch_text(self, deltas: Iterator[str]) -> Iterator[str]:
        """Pass text on; the first of it starts the watch."""
        for delta in deltas:
            if self.started_s is None:
                self.started_s = time.perf_counter()
            yield delta

    def audio(self) -> None:
        """Some audio is here."""
        if self.first_audio_s is None:
            self.first_audio_s = self.total_s()

    def total_s(self) -> float:
        """Seconds since the first text."""
        return 0.0 if self.started_s is None else time.perf_counter() - self.started_s

"""What the listener has heard, as far as one can know."""

from __future__ import annotations

import math

from bark_core.errors import InvalidRequestError


class PlaybackClock:
    """A listener's playhead.

    It moves in real time, from the first audio on, and never past what was sent; where nothing is
    left it stands still until more comes. If the listener honours start hints, it stands still
    until enough has come. Reports correct it.

    Args:
        sample_rate_hz: Of the samples sent.
        honours_hints: The listener waits for what it is told to hold, whenever it is silent.
    """

    def __init__(self, sample_rate_hz: int, *, honours_hints: bool = False) -> None:
        self._rate_hz = sample_rate_hz
        self._sent_samples = 0
        self._played_s = 0.0
        self._now_s: float | None = None  # None: no audio yet
        self._honours_hints = honours_hints
        self._waits_for_s: float | None = None  # None: it plays, or has nothing to play

    @property
    def sent_s(self) -> float:
        """Audio sent."""
        return self._sent_samples / self._rate_hz

    def sent(self, samples: int, now_s: float) -> None:
        """More audio left at ``now_s``."""
        if self._honours_hints and samples and self.played_s(now_s) == self.sent_s:
            self._waits_for_s = math.inf
        self.played_s(now_s)
        self._sent_samples += samples
        self._now_s = now_s

    @property
    def waiting(self) -> bool:
        """The listener is silent until it holds what it was told."""
        return self._waits_for_s is not None

    def hint(self, buffer_s: float, now_s: float) -> None:
        """A listener who waits is told to start with so much; it starts now if it has that."""
        self.played_s(now_s)
        if self.waiting:
            enough = self.sent_s - self._played_s >= buffer_s
            self._waits_for_s = None if enough else buffer_s

    def report(self, played_s: float, now_s: float) -> float:
        """The listener says how far it is; returns that, at most what was sent.

        Raises:
            InvalidRequestError: Not a time.
        """
        if not (math.isfinite(played_s) and played_s >= 0):
            raise InvalidRequestError(
                f"played must be a time of at least 0 s, got {played_s}", field="played"
            )
        if played_s > self._played_s:
            self._waits_for_s = None  # it has started
        self._played_s = min(played_s, self.sent_s)
        if self._now_s is not None:
            self._now_s = now_s
        return self._played_s

    def played_s(self, now_s: float) -> float:
        """Where the playhead stands at ``now_s``."""
        if self._now_s is not None:
            elapsed_s = 0.0 if self.waiting else max(now_s - self._now_s, 0.0)
            self._played_s = min(self._played_s + elapsed_s, self.sent_s)
            self._now_s = now_s
        return self._played_s

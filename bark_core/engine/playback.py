"""Where the listener of a stream is."""

from __future__ import annotations

import math

STALL_S = 0.5
"""Reports without progress for so long, while there is audio to hear, mean a paused player."""


class PlaybackClock:
    """Audio delivered, and audio heard.

    Without reports the listener is taken to hear everything from the first delivery on, and to wait
    in silence where it has run dry. One who honours start hints *waits*, whenever audio comes into
    its silence, until it holds enough. Reports correct that. All moments are of one monotonic
    clock.
    """

    def __init__(self) -> None:
        self.delivered_s = 0.0
        self._heard_s = 0.0
        self._at_s = -math.inf  # the moment that heard_s belongs to; where dry: since when
        self._paused = False
        self._waits_for_s: float | None = None  # lead with which the listener starts; None: started
        self._progress_s = 0.0  # of the last report that showed any
        self._progress_at_s: float | None = None

    @property
    def waiting(self) -> bool:
        """The listener is silent until it holds as much as it was told."""
        return self._waits_for_s is not None

    def deliver(self, seconds: float, now_s: float, *, honours_hints: bool = False) -> None:
        """More audio has left. One who ``honours_hints`` and is silent waits from now on."""
        self._advance(now_s)
        if self._heard_s == self.delivered_s:
            self._at_s = now_s
            if honours_hints and seconds > 0:
                self._waits_for_s = math.inf
        self.delivered_s += seconds

    def hint(self, buffer_s: float, now_s: float) -> None:
        """A listener who waits is told to start with so much; it starts now if it has that."""
        self._advance(now_s)
        if self.waiting:
            enough = self.delivered_s - self._heard_s >= buffer_s
            self._waits_for_s = None if enough else buffer_s

    def report(self, heard_s: float, now_s: float) -> None:
        """The listener says how much of the stream it has heard. What is no number is ignored."""
        if math.isnan(heard_s):
            return  # it would stay in every sum, and the stream would never be due again
        self._advance(now_s)
        heard_s = min(max(heard_s, 0.0), self.delivered_s)
        if self.waiting:
            if heard_s <= self._heard_s:
                return  # it waits, as it was told: that is no pause
            self._waits_for_s = None
        if self._progress_at_s is None or heard_s > self._progress_s:
            self._progress_s, self._progress_at_s = heard_s, now_s
            self._paused = False
        elif now_s - self._progress_at_s >= STALL_S:
            self._paused = heard_s < self.delivered_s
        if heard_s != self._heard_s:
            self._heard_s, self._at_s = heard_s, now_s

    def lead_s(self, now_s: float) -> float:
        """Audio delivered but not yet heard."""
        self._advance(now_s)
        return self.delivered_s - self._heard_s

    def dry_at_s(self, now_s: float) -> float:
        """The moment at which the listener runs dry; in the past if it has; inf if paused.

        Of one who waits: as if it started now.
        """
        self._advance(now_s)
        if self._paused:
            return math.inf
        return self._at_s + self.delivered_s - self._heard_s

    def falls_to_s(self, lead_s: float, now_s: float) -> float:
        """The moment at which the lead will have shrunk to this; inf if paused."""
        dry_at_s = self.dry_at_s(now_s)
        return dry_at_s - lead_s

    def _advance(self, now_s: float) -> None:
        """Play until now. A listener who has run dry stays at that moment."""
        if self._paused or self.waiting:
            self._at_s = now_s
            return
        left_s = self.delivered_s - self._heard_s
        if now_s - self._at_s >= left_s:
            self._heard_s = self.delivered_s
            self._at_s += left_s
        else:
            self._heard_s += max(0.0, now_s - self._at_s)
            self._at_s = now_s

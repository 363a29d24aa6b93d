"""What became of each caller, as it happened: the raw material of a load run's figures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from bench.playback_clock import PlaybackClock

TurnEnd = Literal["heard", "barged_in", "gave_up", "refused", "broken", "cut"]
"""Heard to its end, interrupted, hung up for lack of speech, refused before any audio, failed, or
cut off by the end of the run."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A caller was told that there is no room.

    Attributes:
        after_s: From asking to knowing.
        retry_after_s: What the server said; None: nothing.
    """

    after_s: float
    retry_after_s: float | None


@dataclass(slots=True)
class TurnRecord:
    """One text of a caller.

    Attributes:
        clock: What its listener heard.
        end: How it ended.
        in_vain_s: It waited so long for a first audio that did not come in time; None: it did.
        cancel_ack_s: From the cancel to the server's report; None: no cancel was sent while the
            server was speaking.
        heard_until_s: The listener stopped listening then; None: nothing was heard.
        left: The listener has turned away; nothing is added any more.
    """

    clock: PlaybackClock = field(default_factory=PlaybackClock)
    end: TurnEnd = "cut"
    in_vain_s: float | None = None
    cancel_ack_s: float | None = None
    heard_until_s: float | None = None
    left: bool = False

    def leave(self, at_s: float, end: TurnEnd) -> None:
        """The listener turns away. Only the first time counts."""
        if self.left:
            return
        self.left, self.end = True, end
        in_vain_s = self.clock.hang_up(at_s)
        # Who is refused is told so and does not wait: that is a time of its own.
        self.in_vain_s = None if end == "refused" else in_vain_s
        if self.clock.start_s is not None:
            self.heard_until_s = min(at_s, self.clock.runs_out_s) if end == "heard" else at_s


@dataclass(slots=True)
class CallerRecord:
    """One caller.

    Attributes:
        number: Of its plan.
        slow: It read more slowly than it listened: its silences are its own doing.
        turns: Its texts, as far as it got.
        deliveries: Moment and length of all audio that came.
        refusal: It was told that there is no room, and left.
        failure: Name of any other error that ended it.
    """

    number: int
    slow: bool
    turns: list[TurnRecord] = field(default_factory=list)
    deliveries: list[tuple[float, float]] = field(default_factory=list)
    refusal: Refusal | None = None
    failure: str | None = None

    @property
    def turned_away(self) -> bool:
        """Refused before it was ever spoken to."""
        return self.refusal is not None and not self.deliveries


@dataclass(slots=True)
class RunRecord:
    """One run against one server.

    Attributes:
        window_s: Callers arrived during so long; figures per second refer to it.
        callers: Those that arrived, in order.
        not_dialled: Those that the generator had no room for.
        lags_s: How late the generator's own loop was, sampled: what it adds to every figure.
    """

    window_s: float
    callers: list[CallerRecord] = field(default_factory=list)
    not_dialled: int = 0
    lags_s: list[float] = field(default_factory=list)

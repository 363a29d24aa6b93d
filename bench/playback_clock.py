"""A listener's ear: it begins with the first audio and never waits for a reason.

All times are moments of one clock, in seconds. Speech is *owed* from the moment a text is given
until all of it has come. Silence while nothing is owed is the caller's own. Silence while speech is
owed is a *wait* for the first audio of a text, or an *underrun* if that text was being heard.
"""

from __future__ import annotations

from dataclasses import dataclass, field

# A text given so shortly before the ear runs dry came too late to be heard without a gap: what the
# ear then misses is a wait. It is the first-audio target of the server.
FIRST_AUDIO_TARGET_S = 0.4


@dataclass(frozen=True, slots=True)
class Underrun:
    """The ear ran dry at ``start_s`` and heard nothing for ``length_s``."""

    start_s: float
    length_s: float


@dataclass(slots=True)
class PlaybackClock:
    """What one context sounds like to its listener.

    Attributes:
        start_s: The first audio came; None: not yet.
        runs_out_s: The moment when the audio that came so far has been heard.
        delivered_s: Audio that came.
        waits_s: From a text given into silence to its first audio, each such time.
        underruns: Silences within speech.
        owed_since_s: The text that is still to be spoken was given then; None: nothing is owed.
        unheard: Nothing came of that text yet, and it was given to an ear (nearly) dry.
    """

    start_s: float | None = None
    runs_out_s: float = 0.0
    delivered_s: float = 0.0
    waits_s: list[float] = field(default_factory=list)
    underruns: list[Underrun] = field(default_factory=list)
    owed_since_s: float | None = None
    unheard: bool = False

    def give_text(self, at_s: float) -> None:
        """Text was given: speech is owed."""
        if self.owed_since_s is None:
            self.owed_since_s = at_s
            self.unheard = self.start_s is None or self.runs_out_s - at_s < FIRST_AUDIO_TARGET_S

    def settle(self) -> None:
        """All text given so far has come as audio: nothing is owed."""
        self.owed_since_s = None
        self.unheard = False

    def hear(self, at_s: float, length_s: float) -> None:
        """Audio came. Without a length it is nothing."""
        if length_s <= 0:
            return
        silence_s = self.silence_s(at_s)
        if silence_s > 0 and self.owed_since_s is not None:
            if self.unheard:
                self.waits_s.append(at_s - self.owed_since_s)
            else:
                self.underruns.append(Underrun(self.runs_out_s, silence_s))
        self.unheard = False
        self.delivered_s += length_s
        self.runs_out_s = max(self.runs_out_s, at_s) + length_s
        if self.start_s is None:
            self.start_s = at_s

    def hang_up(self, at_s: float) -> float | None:
        """The listener leaves. A silence within speech counts up to here.

        Returns:
            How long a text has waited in vain for its first audio; None: none did.
        """
        silence_s, owed_since_s, unheard = self.silence_s(at_s), self.owed_since_s, self.unheard
        self.settle()
        if silence_s <= 0 or owed_since_s is None:
            return None
        if unheard:
            return at_s - owed_since_s
        self.underruns.append(Underrun(self.runs_out_s, silence_s))
        return None

    def played_s(self, at_s: float) -> float:
        """Audio heard until then."""
        return self.delivered_s - max(0.0, self.runs_out_s - at_s)

    def silence_s(self, at_s: float) -> float:
        """How long the listener has been hearing nothing although speech is owed."""
        if self.owed_since_s is None:
            return 0.0
        return max(0.0, at_s - max(self.owed_since_s, self.runs_out_s))

"""What crosses into the engine: plain frozen data, the same for a thread and for a process."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bark_core.errors import OptionError
from bark_core.options import SynthesisOptions
from bark_core.voices import Voice

HINTED_SLACK_S = 0.5
"""For so long a listener who honours start hints may be asked to wait, where others wait to begin:
as long as the engine may wait for one who does not, as a rule."""


@dataclass(frozen=True, slots=True)
class Pacing:
    """How far generation may run ahead of the listener.

    Attributes:
        max_lead_s: Audio delivered but not yet heard; beyond it the stream yields to others.
            None: as fast as possible (files, unary calls).
        first_audio_target_s: The stream's deadline until its first audio, after arrival.
        honours_start_hint: The listener, whenever it is silent, starts only once it holds as much
            as the latest ``StartHint`` says. Else it is taken to start with the first audio.
        max_hold_s: Where the listener does not wait as hints say, the engine waits for it: audio
            that comes into its silence is kept back until it can be heard without a gap, for so
            long at most, and not at all where that would not do.
    """

    max_lead_s: float | None = None
    first_audio_target_s: float = 0.3
    honours_start_hint: bool = False
    max_hold_s: float = 0.0

    def __post_init__(self) -> None:
        """Check ranges; raises OptionError."""
        # NaN compares false with everything: nothing that is ordered by it would ever be due.
        if self.max_lead_s is not None and not self.max_lead_s >= 0:
            raise OptionError(
                f"max_lead_s must be at least 0, got {self.max_lead_s}", field="max_lead"
            )
        if not self.first_audio_target_s >= 0:
            raise OptionError(
                f"first_audio_target_s must be at least 0, got {self.first_audio_target_s}",
                field="first_audio_target",
            )
        if not 0 <= self.max_hold_s < math.inf:
            raise OptionError(
                f"max_hold_s must be a time of at least 0 s, got {self.max_hold_s}",
                field="max_hold",
            )

    @property
    def start_slack_s(self) -> float:
        """The start of a listener may be put off for so long after the first audio was made."""
        return HINTED_SLACK_S if self.honours_start_hint else self.max_hold_s


@dataclass(frozen=True, slots=True)
class UtteranceRequest:
    """One utterance: at most ``max_text_tokens`` WordPiece ids in one breath.

    Attributes:
        utterance_id: Unique among the live ones of the engine.
        stream_id: Utterances of one stream are heard one after another, in the order of
            submission; they share a playback clock.
        index: Position in the text; part of every draw's key.
        text_ids: WordPiece ids without offset or padding; cut after ``max_text_tokens``.
        voice: History prompt, or None.
        carry_on: Use the stream's previous utterance as history instead of ``voice`` (where there
            is one). The utterance then starts only after that one is complete.
        options: Sampling, seed, windows.
        pacing: How far it may run ahead.
        deadline_s: ``time.monotonic()`` moment after which nobody waits any more, or None. The
            same clock in a spawned process of the same machine.
        keep_tokens: Return the tokens with the terminal event (saved voices, tests).
        semantic_tokens: Speak these instead of making them from text; ``text_ids`` is then unused.
        semantic_only: Stop after the semantic stage: no audio. ``keep_tokens`` returns a Voice
            with empty coarse and fine parts.
        typical_s: How long such a text usually takes to say; None: guessed from ``text_ids``.
            Together with ``following_s`` it decides how much a listener is told to wait for, and
            what is expected of those who wait in line, nothing else.
        following_s: Likewise, of the text after this utterance that was known when it was
            submitted, and will be submitted without waiting for anything else.
        priority: Who goes first in line for a place; higher ones do.
    """

    utterance_id: str
    stream_id: str
    index: int
    text_ids: tuple[int, ...]
    voice: Voice | None
    options: SynthesisOptions
    carry_on: bool = False
    pacing: Pacing = Pacing()
    deadline_s: float | None = None
    keep_tokens: bool = False
    semantic_tokens: tuple[int, ...] | None = None
    semantic_only: bool = False
    typical_s: float | None = None
    following_s: float = 0.0
    priority: int = 0

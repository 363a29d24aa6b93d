"""How a text is to be spoken. Frozen; every default is filled in by ``SpeechFrontend.settings``."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum

from bark_core.engine.request import Pacing
from bark_core.errors import OptionError
from bark_core.options import MAX_SEED, SynthesisOptions
from bark_core.text.base import SegmentLimits
from bark_core.voices import Voice

MAX_PAUSE_S = 5.0
MAX_FADE_S = 0.1


class Continuity(Enum):
    """What the utterances after the first one of a text continue from."""

    PROMPT = "prompt"
    """The selected voice, every time: no drift, and utterances may be made ahead."""

    CARRY_ON = "carry_on"
    """The utterance before: livelier, may drift, one utterance at a time."""


@dataclass(frozen=True, slots=True)
class NamedVoice:
    """A voice and what to call it.

    Attributes:
        name: As listed; "none" where the model invents a speaker.
        prompt: History prompt; None invents a speaker.
    """

    name: str
    prompt: Voice | None


@dataclass(frozen=True, slots=True)
class SpeechSettings:
    """Everything but the text that decides how it is spoken.

    Attributes:
        voice: Who speaks.
        options: Sampling and windows of every utterance. Its seed is not used: see ``seed``.
        seed: Same seed, text and settings give the same speech. None draws one for each context,
            which its receipt reports.
        continuity: What keeps the voice the same.
        segmentation: How text becomes utterances.
        language: ISO 639-1 code whose abbreviations are known when sentences are split.
        pause_s: Silence between two utterances.
        fade_s: Each utterance fades in and out over this long, so that joints do not click.
        pacing: How far audio may run ahead of the listener.
        deadline_s: ``time.monotonic()`` moment after which nobody waits any more.
        max_text_characters: Longest text in code points.
        utterances_ahead: Utterances of one text in the engine at once. More than two only matter
            on a machine that is slower than its listener, where they are made together.
        keep_tokens: Give the tokens with each completed segment, to save them as a voice.
    """

    voice: NamedVoice
    options: SynthesisOptions
    seed: int | None = None
    continuity: Continuity = Continuity.PROMPT
    segmentation: SegmentLimits = field(default_factory=SegmentLimits)
    language: str = "en"
    pause_s: float = 0.15
    fade_s: float = 0.005
    pacing: Pacing = field(default_factory=Pacing)
    deadline_s: float | None = None
    max_text_characters: int = 20_000
    utterances_ahead: int = 2
    keep_tokens: bool = False

    def __post_init__(self) -> None:
        """Check ranges; raises OptionError."""
        if self.seed is not None and not 0 <= self.seed <= MAX_SEED:
            raise OptionError(f"seed must be between 0 and {MAX_SEED}", field="seed")
        if not (math.isfinite(self.pause_s) and 0 <= self.pause_s <= MAX_PAUSE_S):
            raise OptionError(
                f"pause must be between 0 and {MAX_PAUSE_S} s, got {self.pause_s}", field="pause"
            )
        if not (math.isfinite(self.fade_s) and 0 <= self.fade_s <= MAX_FADE_S):
            raise OptionError(f"fade_s must be between 0 and {MAX_FADE_S}, got {self.fade_s}")
        if self.max_text_characters < 1 or self.utterances_ahead < 1:
            raise OptionError("max_text_characters and utterances_ahead must be at least 1")

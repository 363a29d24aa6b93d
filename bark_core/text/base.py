"""What text becomes, and within which limits. Plain frozen data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from bark_core.errors import OptionError

TokenCounter = Callable[[str], int]
"""Tokens of a normalised text, without special tokens."""


class Tokenizer(Protocol):
    """Text to ids of the checkpoint's own vocabulary. Stateless, safe to share."""

    @property
    def vocab_size(self) -> int:
        """Ids are 0 .. vocab_size-1."""
        ...

    def encode(self, text: str, /) -> tuple[int, ...]:
        """Ids of a normalised text: no special tokens, no offset, no padding, not cut."""
        ...


class SegmentationMode(Enum):
    """What the segmenter may wait for. Either way the result depends on the text alone."""

    WHOLE = "whole"
    """The text is there: a very short utterance is joined with its neighbours on both sides."""

    LIVE = "live"
    """The text is being written: the first utterance leaves at the first clause that is long
    enough and nothing is held back for what might follow it."""


@dataclass(frozen=True, slots=True)
class SegmentLimits:
    """How long utterances are.

    Bark's voice holds for about 13 s of speech, some 37 tokens of its tokenizer, although it takes
    256 (suno-ai/bark issue 527 and ``notebooks/long_form_generation.ipynb``); on prompts of one
    word or two it tends to noise (C0untFloyd/bark-gui issue 8).

    Attributes:
        max_tokens: Longest utterance.
        min_tokens: Shorter sentences are joined with a neighbour where that fits.
        first_clause_tokens: In LIVE mode the first utterance (also after a flush) may end at a
            clause mark once it has this many tokens.
        mode: What may be waited for.
    """

    max_tokens: int = 37
    min_tokens: int = 6
    first_clause_tokens: int = 10
    mode: SegmentationMode = SegmentationMode.WHOLE

    def __post_init__(self) -> None:
        """Check ranges; raises OptionError."""
        if self.max_tokens < 1:
            raise OptionError(
                f"max_tokens must be at least 1, got {self.max_tokens}", field="max_tokens"
            )
        if self.min_tokens < 0 or self.first_clause_tokens < 1:
            raise OptionError("min_tokens must be at least 0 and first_clause_tokens at least 1")


@dataclass(frozen=True, slots=True)
class TextSegment:
    """One utterance's text.

    Attributes:
        index: Position in the text, from 0.
        spoken_text: What is spoken, normalised; never empty, always speakable.
        source_start: First code point of its source in the whole text.
        source_end: One past the last. Ranges are in order and do not overlap; what lies between
            them is white space and what cannot be spoken.
    """

    index: int
    spoken_text: str
    source_start: int
    source_end: int

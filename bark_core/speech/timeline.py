"""Where in the audio each utterance lies, and so what of the text was heard by a given moment."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from bark_core.text.base import TextSegment

TYPICAL_CHARACTERS_PER_S = 14.0
_UNSPACED_SCRIPTS = ("CJK", "HIRAGANA", "KATAKANA")  # as unicodedata.name begins


@dataclass(slots=True)
class PlacedSegment:
    """An utterance that has begun to sound.

    Attributes:
        segment: Its text.
        start_sample: Where it begins.
        sent_samples: Sent so far.
        expected_samples: Its whole length as the engine expects it, or None.
        complete: ``sent_samples`` is its whole length.
    """

    segment: TextSegment
    start_sample: int
    sent_samples: int = 0
    expected_samples: int | None = None
    complete: bool = False


class Timeline:
    """The utterances of a context in the order in which they sound.

    Args:
        sample_rate_hz: Of the samples counted.
    """

    def __init__(self, sample_rate_hz: int) -> None:
        self._sample_rate_hz = sample_rate_hz
        self._placed: list[PlacedSegment] = []  # one for each utterance: bounded by the text

    def place(self, segment: TextSegment, start_sample: int) -> PlacedSegment:
        """An utterance begins."""
        placed = PlacedSegment(segment, start_sample)
        self._placed.append(placed)
        return placed

    def speech_samples(self, played_samples: int) -> int:
        """Samples of utterances among the first ``played_samples`` of the context (no pauses)."""
        return sum(
            min(max(played_samples - placed.start_sample, 0), placed.sent_samples)
            for placed in self._placed
        )

    def heard_characters(self, source: str, played_samples: int) -> int:
        """Code points of ``source`` that were heard, to the nearest word.

        Time within an utterance is shared out among its characters evenly.
        """
        heard = 0
        for placed in self._placed:
            played = played_samples - placed.start_sample
            if played <= 0 and not (placed.complete and placed.sent_samples == 0):
                break
            if placed.complete and played >= placed.sent_samples:
                heard = placed.segment.source_end
                continue
            return _nearest_word_end(source, placed.segment, played / self._total(placed))
        return heard

    def _total(self, placed: PlacedSegment) -> int:
        """Samples of the whole utterance, known or guessed; at least those sent, and one."""
        if placed.complete:
            return max(placed.sent_samples, 1)
        guess = placed.expected_samples
        if guess is None:
            characters = placed.segment.source_end - placed.segment.source_start
            guess = round(characters / TYPICAL_CHARACTERS_PER_S * self._sample_rate_hz)
        return max(guess, placed.sent_samples, 1)


def _nearest_word_end(source: str, segment: TextSegment, fraction: float) -> int:
    """The word end nearest to a fraction of the segment; its start counts as one."""
    target = segment.source_start + fraction * (segment.source_end - segment.source_start)
    nearest = segment.source_start
    for position in range(segment.source_start + 1, segment.source_end + 1):
        if _ends_word(source, position, segment.source_end) and (
            abs(position - target) < abs(nearest - target)
        ):
            nearest = position
    return nearest


def _ends_word(source: str, position: int, end: int) -> bool:
    """Whether a word ends just before ``position``."""
    before = source[position - 1]
    if before.isspace():
        return False
    if position == end or source[position].isspace():
        return True
    after = source[position]
    if _unspaced(after):
        return unicodedata.category(before) != "Ps"
    return _unspaced(before) and not unicodedata.category(after).startswith(("M", "P"))


def _unspaced(character: str) -> bool:
    return unicodedata.name(character, "").startswith(_UNSPACED_SCRIPTS)

"""Which of the possible places an utterance ends at. Pure rules on token counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bark_core.text.base import SegmentationMode, SegmentLimits
from bark_core.text.breaks import Strength
from bark_core.text.graphemes import joins_previous


@dataclass(frozen=True, slots=True)
class Place:
    """A possible end of the pending utterance.

    Attributes:
        position: Cleaned characters before it, from the start of the text.
        tokens: Tokens before it, from the start of the pending text.
        strength: How good a place it is.
        in_song: Between two notes.
        speakable: What comes before it can be spoken.
    """

    position: int
    tokens: int
    strength: Strength
    in_song: bool
    speakable: bool


def choose(
    places: Sequence[Place], limits: SegmentLimits, *, first: bool, final: bool
) -> Place | None:
    """Where the pending utterance ends; None: not decided by what is there.

    Args:
        places: All places of the pending text, in order, not empty.
        limits: ``min_tokens <= max_tokens``.
        first: No utterance came since the start or the last flush.
        final: No text follows the last place.
    """
    total = places[-1].tokens
    live = limits.mode is SegmentationMode.LIVE
    if live and first:
        early = _first_utterance(places, limits)
        if early is not None:
            return early
    sentence = _first_sentence(places, limits)
    if sentence is not None:
        # Once enough follows, what follows needs no neighbour.
        settled = total - sentence.tokens >= limits.min_tokens
        if live or settled or total > limits.max_tokens:
            return sentence
    if total > limits.max_tokens:
        ends = final or places[-1].strength is Strength.SENTENCE
        if ends or total >= limits.max_tokens + limits.min_tokens:
            return _within_sentence(places, limits, ends=ends)
        return None
    return places[-1] if final else None


def fitting_prefix(text: str, fits: Callable[[int], bool]) -> int:
    """Length of the longest prefix that fits, at least one grapheme cluster, never cutting one.

    For text without a single usable place. ``fits`` tells of a length whether it does; it is taken
    to be monotonic.
    """
    ends = [end for end in range(1, len(text)) if not joins_previous(text, end)]
    ends.append(len(text))
    low, high = 0, len(ends) - 1
    while low < high:
        middle = (low + high + 1) // 2
        if fits(ends[middle]):
            low = middle
        else:
            high = middle - 1
    return ends[low]


def _first_utterance(places: Sequence[Place], limits: SegmentLimits) -> Place | None:
    """The end of the first sentence, however short, or of a first clause that is long enough."""
    for place in places:
        if not place.speakable or place.tokens > limits.max_tokens:
            continue
        if place.strength is Strength.SENTENCE:
            return place
        if place.strength >= Strength.CLAUSE and place.tokens >= limits.first_clause_tokens:
            return place
    return None


def _first_sentence(places: Sequence[Place], limits: SegmentLimits) -> Place | None:
    """The first end of a sentence that leaves neither too little nor too much before it."""
    for place in places:
        if (
            place.strength is Strength.SENTENCE
            and place.speakable
            and limits.min_tokens <= place.tokens <= limits.max_tokens
        ):
            return place
    return None


def _within_sentence(places: Sequence[Place], limits: SegmentLimits, *, ends: bool) -> Place:
    """The best place within a sentence that is too long.

    Args:
        places: More than ``max_tokens`` in all.
        limits: How long utterances are.
        ends: The sentence ends at the last place, so that two halves may be balanced.
    """
    total = places[-1].tokens
    balanced = ends and total <= 2 * limits.max_tokens
    target = total / 2 if balanced else limits.max_tokens
    fitting = [place for place in places if 0 < place.tokens <= limits.max_tokens]
    for strength in (Strength.STRONG_CLAUSE, Strength.CLAUSE, Strength.WORD, Strength.GRAPHEME):
        least = total - limits.max_tokens if balanced else 0
        if strength >= Strength.CLAUSE:
            least = max(least, limits.max_tokens // 3)
        good = [place for place in fitting if place.strength >= strength and place.tokens >= least]
        if good:
            return min(good, key=lambda place: abs(place.tokens - target))
    return fitting[-1] if fitting else places[0]

"""A growing text becomes utterances. The result depends on the text and the flushes alone."""

from __future__ import annotations

from dataclasses import replace

from bark_core.errors import TextError
from bark_core.text.base import SegmentLimits, TextSegment, TokenCounter
from bark_core.text.breaks import BreakFinder
from bark_core.text.clean import Cleaner, check_characters
from bark_core.text.cut import Place, choose, fitting_prefix
from bark_core.text.normalise import is_speakable
from bark_core.text.pending import PendingText
from bark_core.text.validate import check_length, nothing_to_say

_BLOCK = 512  # characters handled at a time, so that one huge delta costs linear time


class Segmenter:
    """Cuts a growing text into utterances at sentences where they fit.

    A sentence leaves as soon as it is certain that it ends, whatever follows. Sentences of more
    than ``max_tokens`` are cut at clause marks, else between words, else between graphemes. Shorter
    ones than ``min_tokens`` are joined with a neighbour (see ``SegmentationMode``). The source
    ranges of all segments cover every speakable character once, in order.

    Args:
        count_tokens: Tokens of a normalised text.
        limits: How long utterances are.
        language: ISO 639-1 code for the abbreviations.
        max_characters: Longest text in code points, all deltas together.
    """

    def __init__(
        self,
        count_tokens: TokenCounter,
        limits: SegmentLimits | None = None,
        *,
        language: str = "en",
        max_characters: int = 20_000,
    ) -> None:
        given = SegmentLimits() if limits is None else limits
        self._limits = replace(given, min_tokens=min(given.min_tokens, given.max_tokens))
        self._count = count_tokens
        self._max_characters = max_characters
        self._characters = 0
        self._cleaner = Cleaner()
        self._finder = BreakFinder(language)
        self._pending = PendingText(count_tokens)
        self._segments = 0
        self._blank = True  # nothing but white space so far
        self._first = True  # nothing was said since the start or the last flush

    @property
    def characters(self) -> int:
        """Code points given so far."""
        return self._characters

    def feed(self, delta: str) -> list[TextSegment]:
        """More text, verbatim; the utterances that are complete with it.

        Raises:
            TextError: Too long together (reason TEXT_TOO_LONG) or not text (TEXT_INVALID); then
                nothing of ``delta`` was taken.
        """
        check_length(self._characters + len(delta), self._max_characters)
        check_characters(delta, self._characters)
        self._characters += len(delta)
        self._blank = self._blank and not delta.strip()
        segments: list[TextSegment] = []
        for start in range(0, len(delta), _BLOCK):
            cleaned, sources = self._cleaner.feed(delta[start : start + _BLOCK])
            self._pending.append(cleaned, sources)
            for found in self._finder.feed(cleaned):
                self._pending.add(found)
                segments += self._cut(final=False)
        return segments

    def flush(self) -> list[TextSegment]:
        """The utterances of all text so far. More text may follow; indexes go on.

        What is pending without a speakable character is dropped.
        """
        segments: list[TextSegment] = []
        found = self._finder.end()
        for place in found[:-1]:
            self._pending.add(place)
            segments += self._cut(final=False)
        self._pending.add(found[-1])
        segments += self._cut(final=True)
        self._first = True
        return segments

    def nothing_said(self) -> TextError:
        """Why there is no segment, for a text that has ended without one."""
        return nothing_to_say(blank=self._blank)

    def _cut(self, *, final: bool) -> list[TextSegment]:
        """Cut while the rules say so."""
        segments: list[TextSegment] = []
        places = self._pending.places
        while places:
            place = choose(places, self._limits, first=self._first, final=final)
            if place is None:
                break
            segments += self._emit(place)
            places = self._pending.places
        return segments

    def _emit(self, place: Place) -> list[TextSegment]:
        """The utterance up to ``place``, or up to an earlier one where it counts too many."""
        position, in_song = self._exact(place)
        spoken = self._pending.spoken(position, in_song=in_song)
        segments = []
        if is_speakable(self._pending.text(position)):
            start, end = self._pending.source_range(position)
            segments.append(TextSegment(self._segments, spoken, start, end))
            self._segments += 1
            self._first = False
        self._pending.drop(position, in_song=in_song)
        return segments

    def _exact(self, wanted: Place) -> tuple[int, bool]:
        """The last place up to ``wanted`` whose whole text is within the limit.

        Where there is none: as many grapheme clusters as are, at least one.
        """
        pending = self._pending
        candidates = [place for place in pending.places if place.position <= wanted.position]
        for place in reversed(candidates):
            if self._fits(place.position, in_song=place.in_song):
                return place.position, place.in_song
        text = pending.text(candidates[0].position)
        base = candidates[0].position - len(text)
        length = fitting_prefix(
            text, lambda end: self._fits(base + end, in_song=pending.sings(base + end))
        )
        return base + length, pending.sings(base + length)

    def _fits(self, position: int, *, in_song: bool) -> bool:
        spoken = self._pending.spoken(position, in_song=in_song)
        return self._count(spoken) <= self._limits.max_tokens

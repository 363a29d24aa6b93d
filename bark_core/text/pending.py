"""The cleaned text that waits to become utterances, and the places where it may be cut."""

from __future__ import annotations

from dataclasses import replace

from bark_core.text.base import TokenCounter
from bark_core.text.breaks import Break
from bark_core.text.clean import NOTES
from bark_core.text.cut import Place
from bark_core.text.normalise import is_speakable, normalise

_NOTE = "♪"


class PendingText:
    """Characters, where each came from, and places with their token counts.

    Counts are summed over the stretches between places, so each character is counted once; the
    exact count of an utterance is taken when it is cut.

    Args:
        count_tokens: Tokens of a normalised text.
    """

    def __init__(self, count_tokens: TokenCounter) -> None:
        self._count = count_tokens
        self._text = ""
        self._sources: list[int] = []
        self._base = 0  # position of _text[0]
        self._begins_in_song = False
        self.places: list[Place] = []

    def append(self, cleaned: str, sources: list[int]) -> None:
        """More text and the source position of each character."""
        self._text += cleaned
        self._sources += sources

    def add(self, found: Break) -> None:
        """One more place."""
        last = self.places[-1] if self.places else None
        start = last.position if last else self._base
        if found.position <= start:
            if last and found.strength > last.strength:
                self.places[-1] = replace(last, strength=found.strength, in_song=found.in_song)
            return
        stretch = normalise(self._text[start - self._base : found.position - self._base])
        self.places.append(
            Place(
                position=found.position,
                tokens=(last.tokens if last else 0) + self._count(stretch),
                strength=found.strength,
                in_song=found.in_song,
                speakable=bool(last and last.speakable) or is_speakable(stretch),
            )
        )

    def spoken(self, position: int, *, in_song: bool) -> str:
        """What is spoken up to a position. Both parts of a song that is cut are sung."""
        text = normalise(self.text(position))
        opening = f"{_NOTE} " if self._begins_in_song else ""
        closing = f" {_NOTE}" if in_song else ""
        return f"{opening}{text}{closing}"

    def sings(self, position: int) -> bool:
        """Whether a position that is no place lies between two notes."""
        notes = sum(character in NOTES for character in self.text(position))
        return self._begins_in_song != bool(notes % 2)

    def text(self, position: int) -> str:
        """Cleaned characters up to a position."""
        return self._text[: position - self._base]

    def source_range(self, position: int) -> tuple[int, int]:
        """First source code point up to a position and one past the last, without white space."""
        text = self.text(position)
        begin = len(text) - len(text.lstrip())
        end = len(text.rstrip())
        return self._sources[begin], self._sources[end - 1] + 1

    def drop(self, position: int, *, in_song: bool) -> None:
        """Forget everything up to a position."""
        cut = position - self._base
        self._text = self._text[cut:]
        del self._sources[:cut]
        self._base = position
        self._begins_in_song = in_song
        rest = [place for place in self.places if place.position > position]
        self.places = []
        for place in rest:
            self.add(Break(place.position, place.strength, place.in_song))

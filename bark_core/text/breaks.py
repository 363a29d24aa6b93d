"""Where a growing text may be cut, and how well.

The sentence rules are those of the ``sentencex`` library (wikimedia/sentencex, MIT: abbreviations,
initials, decimals, quotes, some 300 languages). It judges whole texts, so this module shows it one
candidate at a time, in a window whose both ends depend on the text alone: a verdict never changes
with what comes later, nor with how the text was cut into deltas.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum

import sentencex

from bark_core.text.clean import NOTES
from bark_core.text.graphemes import joins_previous
from bark_core.text.punctuation import (
    BULLET,
    BULLET_CHARACTERS,
    BULLET_STARTS,
    CLOSERS,
    DASHES,
    STOPS,
    STRONG_MARKS,
    WEAK_MARKS,
    WIDE_MARKS,
    WIDE_STOPS,
)

_MAX_CUE = 40  # characters of "[clears throat]"
_MAX_SONG = 300  # characters between two notes
_MAX_RUN = 64  # characters of "?!?!..." with quotes
_MAX_NEXT_WORD = 30
_LEFT_CONTEXT = 200
_UNBROKEN = 16  # characters without any break before one is forced
_LONGEST_CLUSTER = 64  # characters; no script has longer ones, so that is somebody's joke


class Strength(IntEnum):
    """How good a place is for a cut; larger is better."""

    GRAPHEME = 0
    WORD = 1
    CLAUSE = 2
    STRONG_CLAUSE = 3
    SENTENCE = 4


@dataclass(frozen=True, slots=True)
class Break:
    """A place where the text may be cut.

    Attributes:
        position: Cleaned characters before it, from the start of the text.
        strength: How good it is.
        in_song: Between two notes, so both sides are sung.
    """

    position: int
    strength: Strength
    in_song: bool = False


@dataclass(frozen=True, slots=True)
class _Step:
    """What stands at an index.

    Attributes:
        following: Index to look at next.
        at: Index of the break, where there is one.
        strength: Of the break; None: there is none.
        note: A note opens or closes a song here.
        ends_song: Whatever is open ends here.
    """

    following: int
    at: int = 0
    strength: Strength | None = None
    note: bool = False
    ends_song: bool = False


class BreakFinder:
    """Finds the breaks of a growing cleaned text, in order, each as soon as it is certain.

    Args:
        language: ISO 639-1 code for the abbreviations.
    """

    def __init__(self, language: str) -> None:
        self._language = language
        self._text = ""
        self._base = 0  # position of _text[0]
        self._scan = 0  # next index of _text to look at
        self._sentence = 0  # index where the sentence began
        self._last_break = 0
        self._song: int | None = None  # index of the opening note
        self._final = False

    def feed(self, cleaned: str) -> list[Break]:
        """The breaks that are certain after more text."""
        self._text += cleaned
        found = self._run()
        self._forget()
        return found

    def end(self) -> list[Break]:
        """The breaks of the rest; the last one is a sentence's, at the end. Then start anew."""
        self._final = True
        found = self._run()
        self._final = False
        if not found or found[-1].position < self._base + len(self._text):
            found.append(Break(self._base + len(self._text), Strength.SENTENCE))
        else:
            found[-1] = Break(found[-1].position, Strength.SENTENCE)
        self._base += len(self._text)
        self._text = ""
        self._scan = self._sentence = self._last_break = 0
        self._song = None
        return found

    def _run(self) -> list[Break]:
        found: list[Break] = []
        while self._scan < len(self._text):
            step = self._look(self._scan)
            if step is not None:
                step = self._between_clusters(step)
            if step is None:
                break  # more text is needed to tell
            self._sing(step)
            self._scan = step.following
            if step.strength is not None:
                found.append(self._break(step.at, step.strength))
        return found

    def _between_clusters(self, step: _Step) -> _Step | None:
        """Breaks only between grapheme clusters, and one where there was none for too long.

        None: the next character decides.
        """
        unbroken = step.following - self._last_break
        if step.strength is None and unbroken < _UNBROKEN:
            return step
        at = step.following if step.strength is None else step.at
        if at == len(self._text):
            return step if self._final else None
        if unbroken < _LONGEST_CLUSTER and at > 0 and joins_previous(self._text, at):
            return replace(step, strength=None)
        return (
            step if step.strength is not None else replace(step, at=at, strength=Strength.GRAPHEME)
        )

    def _sing(self, step: _Step) -> None:
        """Songs go from note to note; one that nobody closes ends by itself."""
        if step.note and self._song is None:
            self._song = self._scan
        elif step.note or step.ends_song:
            self._song = None
        if self._song is not None and step.following - self._song > _MAX_SONG:
            self._song = None

    def _break(self, at: int, strength: Strength) -> Break:
        in_song = self._song is not None
        if in_song and strength is Strength.SENTENCE:
            strength = Strength.STRONG_CLAUSE
        if strength is Strength.SENTENCE:
            self._sentence = at
        self._last_break = at
        return Break(self._base + at, strength, in_song)

    def _forget(self) -> None:
        """Drop what no verdict can look back at."""
        keep = min(self._scan, max(self._sentence, self._scan - _LEFT_CONTEXT))
        self._text = self._text[keep:]
        self._base += keep
        self._scan -= keep
        self._sentence = max(self._sentence - keep, 0)
        self._last_break -= keep
        if self._song is not None:
            self._song -= keep

    def _look(  # noqa: PLR0911 - one return for each kind of character
        self, index: int
    ) -> _Step | None:
        """What stands at ``index``; None: more text is needed."""
        character = self._text[index]
        if character.isspace():
            return self._space(index)
        if character == "[":
            return self._cue(index)
        if character in NOTES:
            opens = self._song is None
            return _Step(index + 1, index + 1, None if opens else Strength.CLAUSE, note=True)
        if character in STOPS or character in WIDE_STOPS:
            return self._stop(index)
        if character in STRONG_MARKS or character in WEAK_MARKS:
            return self._mark(index)
        if character in DASHES:
            return _Step(index + 1, index + 1, Strength.CLAUSE)
        return _Step(index + 1)

    def _after(self, index: int, members: str) -> int:
        """First index from ``index`` on whose character is not among ``members``."""
        end = index
        while end < min(index + _MAX_RUN, len(self._text)) and self._text[end] in members:
            end += 1
        return end

    def _word_start(self, index: int) -> int | None:
        """First index from ``index`` on that is not white space; None: unknown."""
        for start in range(index, len(self._text)):
            if not self._text[start].isspace():
                return start
        return len(self._text) if self._final else None

    def _space(self, index: int) -> _Step | None:
        start = self._word_start(index)
        if start is None:
            return None
        newlines = self._text.count("\n", index, start)
        if newlines > 1:
            return _Step(start, index, Strength.SENTENCE, ends_song=True)
        if newlines and start < len(self._text) and self._text[start] in BULLET_STARTS:
            if len(self._text) - start < BULLET_CHARACTERS and not self._final:
                return None
            if BULLET.match(self._text, start):
                return _Step(start, index, Strength.SENTENCE, ends_song=True)
        # A note is not parted from its song.
        note = start < len(self._text) and self._text[start] in NOTES
        if self._song is not None and (index == self._song + 1 or note):
            return _Step(start)
        return _Step(start, index, Strength.WORD)

    def _cue(self, index: int) -> _Step | None:
        """``[laughs]`` is one word, whatever it holds."""
        for end in range(index + 1, index + _MAX_CUE):
            if end >= len(self._text):
                return _Step(index + 1) if self._final else None
            if self._text[end] == "]":
                return _Step(end + 1)
            if self._text[end] in "[\n":
                break
        return _Step(index + 1)

    def _stop(  # noqa: PLR0911 - one return for each kind of stop
        self, index: int
    ) -> _Step | None:
        end = self._after(index, STOPS + WIDE_STOPS + CLOSERS)
        run = self._text[index:end]
        if end == len(self._text):
            return _Step(end, end, Strength.SENTENCE)
        spaced = self._text[end].isspace()
        if all(character in WIDE_STOPS or character in CLOSERS for character in run):
            # 「そうですか。」と: the sentence goes on after the quotation.
            goes_on = run[-1] in CLOSERS and not spaced
            return _Step(end, end, Strength.CLAUSE if goes_on else Strength.SENTENCE)
        if not spaced:
            return _Step(end)
        start = self._word_start(end)
        if start is None:
            return None
        next_end = self._next_word_end(start, whole="." in run or "…" in run)
        if next_end is None:
            return None
        if self._sentence_ends(index, start, next_end):
            return _Step(end, end, Strength.SENTENCE)
        return _Step(end, end, Strength.CLAUSE if len(run) > 1 else Strength.WORD)

    def _next_word_end(self, start: int, *, whole: bool) -> int | None:
        """How far a verdict needs to look into the next word; None: not there yet."""
        if not whole:
            return min(start + 1, len(self._text))
        for end in range(start, start + _MAX_NEXT_WORD):
            if end >= len(self._text):
                return end if self._final else None
            if self._text[end].isspace():
                return end
        return start + _MAX_NEXT_WORD

    def _sentence_ends(self, index: int, start: int, end: int) -> bool:
        """Ask the library about the stop at ``index`` before the word ``start`` .. ``end``."""
        left = max(self._sentence, index - _LEFT_CONTEXT, 0)
        begun = self._text[left:index].strip()
        if begun.isdigit() or (len(begun) == 1 and begun.isalpha()):
            return False  # "1. First", "M. Dupont"
        boundaries = sentencex.get_sentence_boundaries(self._language, self._text[left:end])
        return any(index < left + boundary["end_index"] <= start for boundary in boundaries)

    def _mark(self, index: int) -> _Step:
        end = self._after(index + 1, CLOSERS)
        character = self._text[index]
        spaced = end == len(self._text) or self._text[end].isspace()
        if not spaced and character not in WIDE_MARKS:
            return _Step(index + 1)
        strength = Strength.STRONG_CLAUSE if character in STRONG_MARKS else Strength.CLAUSE
        return _Step(end, end, strength)

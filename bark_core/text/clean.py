"""Code points of a caller's text to those that matter, one by one, in bounded linear time.

Every kept code point remembers where it stood in the source. Canonical composition happens later,
on whole segments (``bark_core.text.normalise``).
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from bark_core.errors import TextError

NOTES = "♩♪♫♬"
MAX_COMBINING_RUN = 30  # normalisation is quadratic in the length of a run

_NEWLINES = "\n\v\f\x85\u2028\u2029"
_SPACES = "\t\r"
_VARIATION_SELECTORS = ((0xFE00, 0xFE0F), (0xE0100, 0xE01EF))
# What no model of speech reads: arrows to dingbats without the notes, and all of the emoji planes.
_PICTOGRAPHS = (
    (0x2300, 0x23FF),
    (0x2600, 0x2668),
    (0x2670, 0x27BF),
    (0x2B00, 0x2BFF),
    (0x1F000, 0x1FAFF),
)


class Cleaner:
    """Cleans a growing text. However it is cut, the result is the same.

    White space of every kind becomes " " or a newline, in runs of at most one space and two
    newlines; invisible characters (zero width, bidirectional controls, tags, private use,
    unassigned) vanish; pictographs become a space; combining marks beyond 30 on one base vanish.
    """

    def __init__(self) -> None:
        self._position = 0  # in the source
        self._newlines = 0  # in the white space at the end of what was kept
        self._in_space = True  # leading white space is dropped
        self._marks = 0

    def feed(self, text: str) -> tuple[str, list[int]]:
        """The characters that are kept of ``text`` and the source position of each.

        The text must have passed ``check_characters``.
        """
        kept: list[str] = []
        positions: list[int] = []
        for position, character in enumerate(text, start=self._position):
            cleaned = self._step(character)
            if cleaned:
                kept.append(cleaned)
                positions.append(position)
        self._position += len(text)
        return "".join(kept), positions

    def _step(self, character: str) -> str:
        kind = _kind(character)
        if kind == "drop":
            return ""
        if kind == "mark":
            self._marks += 1
            if self._marks > MAX_COMBINING_RUN:
                return ""
            self._in_space = False
            self._newlines = 0
            return character
        self._marks = 0
        if kind == "text":
            self._in_space = False
            self._newlines = 0
            return character
        was_in_space, self._in_space = self._in_space, True
        if kind == "newline":
            self._newlines += 1
            return "\n" if self._newlines <= 2 else ""  # noqa: PLR2004 - two make a paragraph
        return "" if was_in_space else " "


def check_characters(text: str, position: int = 0) -> None:
    """Refuse what is not text.

    Args:
        text: Code points as the caller sent them.
        position: Position of the first one in the whole text, for the message.

    Raises:
        TextError: A lone surrogate or a control character that is not white space.
    """
    if text.isascii() and text.isprintable():
        return
    for offset, character in enumerate(text):
        if _kind(character) in {"control", "surrogate"}:
            raise TextError(
                f"the text has the {_kind(character)} character U+{ord(character):04X} at position "
                f"{position + offset}; remove it",
                field="text",
            )


@lru_cache(maxsize=4096)
def _kind(character: str) -> str:
    """One of text, mark, space, newline, drop, control, surrogate."""
    if character in _NEWLINES:
        return "newline"
    if character in _SPACES:
        return "space"
    code = ord(character)
    category = unicodedata.category(character)
    if _within(code, _VARIATION_SELECTORS):
        return "drop"
    if _within(code, _PICTOGRAPHS) or character == "\N{REPLACEMENT CHARACTER}":
        return "space"
    by_category = {
        "Cc": "control",
        "Cs": "surrogate",
        "Cf": "drop",
        "Cn": "drop",
        "Co": "drop",
        "Mn": "mark",
        "Mc": "mark",
        "Me": "mark",
        "Zs": "space",
        "Zl": "newline",
        "Zp": "newline",
    }
    return by_category.get(category, "text")


def _within(code: int, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(low <= code <= high for low, high in ranges)

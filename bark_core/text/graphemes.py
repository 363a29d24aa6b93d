"""Just enough of grapheme clusters to never cut one (Unicode Standard Annex 29, simplified)."""

from __future__ import annotations

import unicodedata

_VIRAMA_CLASS = 9
_HANGUL_LEADING = range(0x1100, 0x1160)
_HANGUL_VOWELS_AND_TRAILING = range(0x1160, 0x1200)
_HANGUL_SYLLABLES = range(0xAC00, 0xD7A4)


def joins_previous(text: str, index: int) -> bool:
    """Whether the character at ``index`` belongs to the cluster of the one before.

    True for combining marks, for the consonant after a virama and for Hangul jamo that continue a
    syllable. Nothing joins white space.
    """
    character, before = text[index], text[index - 1]
    if before.isspace():
        return False
    if unicodedata.category(character).startswith("M"):
        return True
    if unicodedata.combining(before) == _VIRAMA_CLASS and character.isalpha():
        return True
    code, code_before = ord(character), ord(before)
    if code in _HANGUL_VOWELS_AND_TRAILING:
        return (
            code_before in _HANGUL_LEADING
            or code_before in _HANGUL_VOWELS_AND_TRAILING
            or code_before in _HANGUL_SYLLABLES
        )
    return code in _HANGUL_LEADING and code_before in _HANGUL_LEADING

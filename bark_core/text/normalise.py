"""A stretch of cleaned text as it is spoken, and whether it can be."""

from __future__ import annotations

import unicodedata

from bark_core.text.clean import NOTES


def normalise(cleaned: str) -> str:
    """Canonical composition (NFC) and single spaces.

    Not NFKC: Bark was trained on text as people write it. Bark's own cues ("[laughs]", "♪ ... ♪",
    "...", "—", CAPITALS; suno-ai/bark README) pass unchanged.
    """
    return " ".join(unicodedata.normalize("NFC", cleaned).split())


def is_speakable(text: str) -> bool:
    """Whether there is anything to say: a letter, a digit or a note (``♪``)."""
    return any(character.isalnum() or character in NOTES for character in text)

"""A pronunciation lexicon: words that a tokenizer reads by their sounds, not by their letters.

English spelling says little of how a word sounds, and a small model has not seen enough of it to
guess. A checkpoint that was trained on sounds carries ``lexicon.tsv`` beside its tokenizer: one
word in lower case and its sounds a line, parted by a tab, sounds in whatever letters its tokenizer
knows. Words that are not in it reach the tokenizer as they are written, and so do letters right
after a digit, which belong to the number ("21st").
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from bark_core.errors import CheckpointError
from bark_core.text.base import Tokenizer
from bark_core.text.vocabulary_file import read_vocabulary_file

LEXICON_FILE = "lexicon.tsv"
_WORD = re.compile(r"(?<![^\W_])[^\W\d_]+(?:['\u2019][^\W\d_]+)*")
_APOSTROPHE = "\u2019"


class Lexicon:
    """Sounds of words. Thread-safe."""

    def __init__(self, sounds: Mapping[str, str]) -> None:
        """Args: sounds: by word, in lower case, apostrophes straight."""
        self._sounds = sounds

    @classmethod
    def from_file(cls, path: Path) -> Lexicon:
        """Load ``lexicon.tsv``.

        Raises:
            CheckpointError: Missing, too large, not UTF-8, or a line is no word and its sounds.
        """
        content = read_vocabulary_file(path, "lexicon")
        sounds = {}
        for number, line in enumerate(content.split("\n"), 1):
            word, tab, sound = line.partition("\t")
            if not line:
                continue
            if not (tab and word and sound) or "\t" in sound:
                raise CheckpointError(
                    f"{path}, line {number}: needs a word, one tab and the sounds of the word"
                )
            sounds[word] = sound
        return cls(sounds)

    def respell(self, text: str) -> str:
        """The text with every known word replaced by its sounds.

        Of a word that is not known what stands before its apostrophe is looked up ("Zoe's").
        """
        return _WORD.sub(self._respelled, text)

    def _respelled(self, match: re.Match[str]) -> str:
        written = match.group()
        word = written.lower().replace(_APOSTROPHE, "'")
        known = self._sounds.get(word)
        if known is not None:
            return known
        # What is left of a genitive or a contraction, "s" or "ll", is not what letters are called.
        stem, apostrophe, rest = written.replace(_APOSTROPHE, "'").partition("'")
        return self._sounds.get(stem.lower(), stem) + apostrophe + rest


class PronouncingTokenizer:
    """A tokenizer behind a lexicon. Thread-safe."""

    def __init__(self, lexicon: Lexicon, tokenizer: Tokenizer) -> None:
        self._lexicon, self._tokenizer = lexicon, tokenizer

    @property
    def vocab_size(self) -> int:
        """Ids are 0 .. vocab_size-1."""
        return self._tokenizer.vocab_size

    def encode(self, text: str, /) -> tuple[int, ...]:
        """Ids of the text."""
        return self._tokenizer.encode(self._lexicon.respell(text))

"""The voice's own small tokenizer: a token a sound, sounds from a lexicon.

Made after `training.transcribe`:

    python -m training.tokens.text --root DIR

Words that the lexicon does not know are read letter by letter; numbers by rule. A token at the
start of a word is another than inside one, so that spaces need none.
"""

import argparse
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from tokenizers import Encoding, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from bark_core.text.lexicon import LEXICON_FILE, Lexicon
from training import transcribe
from training.teacher.phones import Phones
from training.tokens import lexicon
from training.tokens.numbers import rules

TOKENIZER_FILE = "tokenizer.json"
WORD_START = "▁"
MARKS = ".,!?"
_UNKNOWN = "[UNK]"
_LETTERS = "abcdefghijklmnopqrstuvwxyz'"


def build(sounds: Mapping[str, str]) -> Tokenizer:
    """The tokenizer that stands behind a lexicon.

    Args:
        sounds: of words, those of numbers among them.
    """
    reads = Lexicon(sounds)
    replacements = [
        ("[\u2018\u2019]", "'"),
        ('[\u201c\u201d"()\\[\\]]', ""),
        ("[\u2013\u2014;:](?!\\d)|--", ", "),
        ("\u2026|\\.\\.+", "."),
        ("&", f" {reads.respell('and')} "),
        *((_respelled(pattern, reads), reads.respell(words)) for pattern, words in rules()),
        ("-", ""),
        ("\\s+(?=[.,!?])", ""),
        ("\\s+", " "),
    ]
    tokenizer = Tokenizer(models.WordLevel(_vocabulary(), unk_token=_UNKNOWN))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFKD(),
            normalizers.StripAccents(),
            normalizers.Lowercase(),
            *(normalizers.Replace(Regex(pattern), words) for pattern, words in replacements),
            normalizers.Strip(),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(replacement=WORD_START),
            pre_tokenizers.Split(Regex(f"{WORD_START}?[{lexicon.STRESS}]?."), "isolated"),
        ]
    )
    tokenizer.decoder = decoders.Metaspace(replacement=WORD_START)
    return tokenizer


def _respelled(pattern: str, reads: Lexicon) -> str:
    """A rule that looks at words before or after a number meets their sounds."""
    return re.sub("[a-z]{3,}", lambda word: reads.respell(word[0]), pattern)


def _vocabulary() -> dict[str, int]:
    parts = [stress + sound for sound in lexicon.SOUNDS for stress in ("", *lexicon.STRESS)]
    starts = [WORD_START + part for part in (*parts, *_LETTERS)]
    pieces = [_UNKNOWN, *MARKS, *parts, *_LETTERS, *starts]
    return {piece: index for index, piece in enumerate(dict.fromkeys(pieces))}


class _Forgetful(dict[str, str]):
    """A lexicon that now and then does not know a word, so that spelling is learned, too."""

    def __init__(
        self, sounds: Mapping[str, str], share: float, random: np.random.Generator
    ) -> None:
        super().__init__(sounds)
        self._share, self._random = share, random

    def get(self, word: str, default: str | None = None) -> str | None:  # type: ignore[override]
        """Its sounds; the default for a share of the words that are there, too."""
        return default if self._random.random() < self._share else super().get(word, default)


class Reader:
    """Lexicon and tokenizer in one."""

    def __init__(self, tokenizer: Tokenizer, sounds: Mapping[str, str]) -> None:
        self._tokenizer, self._sounds = tokenizer, sounds
        self._lexicon = Lexicon(sounds)

    def encode(self, text: str) -> Encoding:
        """Ids and pieces of a text."""
        return self._tokenizer.encode(self._lexicon.respell(text))

    def forgetful(self, share: float, random: np.random.Generator) -> "Reader":
        """The same, but a share of the words is read letter by letter."""
        return Reader(self._tokenizer, _Forgetful(self._sounds, share, random))


def read_lexicon(path: Path) -> dict[str, str]:
    """Sounds by word of a `lexicon.tsv`."""
    return dict(line.split("\t") for line in path.read_text("utf-8").splitlines())


def make(rows: Iterable[tuple[str, str]], root: Path) -> None:
    """Write lexicon and tokenizer of `root`."""
    sounds = lexicon.build(rows, Phones())
    lines = "".join(f"{word}\t{sound}\n" for word, sound in sounds.items())
    (root / LEXICON_FILE).write_text(lines, "utf-8")
    build(sounds).save(str(root / TOKENIZER_FILE))


def load(root: Path) -> Reader:
    """What `make` wrote into `root`.

    Raises:
        FileNotFoundError: it has not been made.
    """
    if not (root / LEXICON_FILE).exists():
        raise FileNotFoundError(f"{root} has no {LEXICON_FILE}: run `training.tokens.text` first")
    tokenizer = Tokenizer.from_file(str(root / TOKENIZER_FILE))
    return Reader(tokenizer, read_lexicon(root / LEXICON_FILE))


def main(arguments: list[str] | None = None) -> None:
    """Command line of this step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True)
    options = parser.parse_args(arguments)
    make(transcribe.read(options.root), options.root)
    reader = load(options.root)
    print(reader.encode("Please call Zyxwo's 42 people at 6:45, won't you?").tokens)


if __name__ == "__main__":
    main()

"""Text to token ids: BERT's cased WordPiece (``bark_core.text.base.Tokenizer``).

Bark reads text through ``bert-base-multilingual-cased`` without special tokens (suno-ai/bark
``bark/generation.py: _tokenize``). Algorithm: WordPiece (Wu et al. 2016, arXiv:1609.08144), by the
``tokenizers`` library.
"""

from __future__ import annotations

import re
import zlib
from pathlib import Path

from tokenizers import Tokenizer as _Pipeline
from tokenizers import models, normalizers, pre_tokenizers

from bark_core.errors import CheckpointError
from bark_core.text.vocabulary_file import read_vocabulary_file

_UNKNOWN = "[UNK]"
_SPECIAL = ("[PAD]", _UNKNOWN, "[CLS]", "[SEP]", "[MASK]")


class WordPieceTokenizer:
    """The tokenizer of a checkpoint, from its ``tokenizer.json`` or ``vocab.txt``. Thread-safe."""

    def __init__(self, pipeline: _Pipeline) -> None:
        pipeline.no_truncation()
        pipeline.no_padding()
        self._pipeline = pipeline
        ids = pipeline.get_vocab(with_added_tokens=True).values()
        self._vocab_size = max(ids, default=-1) + 1

    @classmethod
    def from_file(cls, path: Path) -> WordPieceTokenizer:
        """Load ``*.json`` (the tokenizers library's format) or a vocabulary, one piece a line.

        Raises:
            CheckpointError: Missing, too large, damaged or without a piece for unknown words.
        """
        content = read_vocabulary_file(path, "tokenizer file")
        if path.suffix == ".json":
            return cls(_from_json(content, path))
        return cls(_from_vocabulary(content, path))

    @property
    def vocab_size(self) -> int:
        """Ids are 0 .. vocab_size-1."""
        return self._vocab_size

    def encode(self, text: str, /) -> tuple[int, ...]:
        """Ids of the text, without special tokens."""
        return tuple(self._pipeline.encode(text, add_special_tokens=False).ids)


def _from_json(content: str, path: Path) -> _Pipeline:
    try:
        return _Pipeline.from_str(content)
    except Exception as error:  # the library raises bare Exception
        raise CheckpointError(f"{path} is not a tokenizer of the tokenizers library") from error


def _from_vocabulary(content: str, path: Path) -> _Pipeline:
    """The normaliser and the splitter of bert-base-multilingual-cased over a vocabulary."""
    pieces = content.split("\n")  # not splitlines: a piece may be a Unicode line separator
    if pieces and not pieces[-1]:
        pieces.pop()
    vocabulary = {piece: index for index, piece in enumerate(pieces)}
    if _UNKNOWN not in vocabulary:
        raise CheckpointError(
            f"{path} has no {_UNKNOWN} piece: Bark needs the vocab.txt of "
            "bert-base-multilingual-cased"
        )
    pipeline = _Pipeline(models.WordPiece(vocabulary, unk_token=_UNKNOWN))
    pipeline.normalizer = normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=True, strip_accents=False, lowercase=False
    )
    pipeline.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    pipeline.add_special_tokens([piece for piece in _SPECIAL if piece in vocabulary])
    return pipeline


class HashTokenizer:
    """Runs of up to four letters, hashed. For models that were never trained on any text.

    Its token counts are close to those of WordPiece and it knows every script, so that whatever
    depends on counts behaves as with a real vocabulary.
    """

    _PIECE = re.compile(r"\w{1,4}|[^\w\s]")

    def __init__(self, vocab_size: int) -> None:
        assert vocab_size >= 1, vocab_size
        self._vocab_size = vocab_size

    @property
    def vocab_size(self) -> int:
        """Ids are 0 .. vocab_size-1."""
        return self._vocab_size

    def encode(self, text: str, /) -> tuple[int, ...]:
        """Ids of the text."""
        return tuple(
            zlib.crc32(piece.encode("utf-8", "replace")) % self._vocab_size
            for piece in self._PIECE.findall(text)
        )

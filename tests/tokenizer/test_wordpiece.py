"""Parity with the reference tokenizer on a vocabulary of all scripts."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import BertTokenizer

from bark_core.errors import CheckpointError
from bark_core.text.tokenizer import HashTokenizer, WordPieceTokenizer

SENTENCES = {
    "de": "Äpfel und Übermut: Straßenbahn, größer!",
    "en": "Hello, my dog isn't [laughs] naïve... [MASK] 3.14%",
    "es": "¿Qué pasó, niño? ¡Mañana!",
    "fr": "L'été, où çà ? œuvre « garçon »",
    "hi": "नमस्ते दुनिया, आप कैसे हैं?",
    "it": "Perché è così?",
    "ja": "こんにちは、世界。カタカナ東京タワー",
    "ko": "안녕하세요 세계",
    "pl": "Zażółć gęślą jaźń",
    "pt": "Não, coração — amanhã",
    "ru": "Привет, мир! Ёлка",
    "tr": "İstanbul'da ışık, ğüşöç",
    "zh": "你好，世界。今天天氣很好",
}
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def vocabulary() -> list[str]:
    """Pieces of the sentences: every character alone, inside a word, and some longer ones."""
    pieces = dict.fromkeys(SPECIAL)
    for sentence in SENTENCES.values():
        for word in sentence.split():
            pieces[word[:3]] = None
            pieces["##" + word[1:3]] = None
            for character in word:
                pieces[character] = None
                pieces["##" + character] = None
    # Not everything is known: the unknown piece must come up as well.
    for gone in ("ж", "##ж", "界", "##z", "q"):
        pieces.pop(gone, None)
    return list(pieces)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """``vocab.txt`` and ``tokenizer.json`` of the same tokenizer, as the hub has them."""
    directory = tmp_path_factory.mktemp("tokenizer")
    (directory / "vocab.txt").write_text("\n".join(vocabulary()) + "\n", encoding="utf-8")
    reference(directory / "vocab.txt").save_pretrained(directory)
    return directory / "vocab.txt", directory / "tokenizer.json"


def reference(vocab: Path) -> Any:
    pieces = vocab.read_text(encoding="utf-8").rstrip("\n").split("\n")
    return BertTokenizer(vocab={p: i for i, p in enumerate(pieces)}, do_lower_case=False)


@pytest.mark.parametrize("language", sorted(SENTENCES))
def test_all_languages(language: str, files: tuple[Path, Path]) -> None:
    sentence = SENTENCES[language]
    wanted = reference(files[0]).encode(sentence, add_special_tokens=False)
    assert wanted
    for path in files:
        assert list(WordPieceTokenizer.from_file(path).encode(sentence)) == wanted


def test_the_sentences_reach_known_pieces_and_unknown_ones(files: tuple[Path, Path]) -> None:
    tokenizer = WordPieceTokenizer.from_file(files[0])
    ids = {token for sentence in SENTENCES.values() for token in tokenizer.encode(sentence)}
    assert SPECIAL.index("[UNK]") in tokenizer.encode("ж")
    assert len(ids) > 100


ALPHABET = "".join(sorted({c for s in SENTENCES.values() for c in s})) + "\n\t\u200b\u0301\u00a0ß"


@settings(max_examples=150)
@given(text=st.text(alphabet=ALPHABET, max_size=60))
def test_any_text(text: str, files: tuple[Path, Path]) -> None:
    wanted = reference_of(files[0]).encode(text, add_special_tokens=False)
    assert list(WordPieceTokenizer.from_file(files[0]).encode(text)) == wanted


_REFERENCES: dict[Path, Any] = {}


def reference_of(vocab: Path) -> Any:
    return _REFERENCES.setdefault(vocab, reference(vocab))


def test_case_and_accents_are_kept(files: tuple[Path, Path]) -> None:
    tokenizer = WordPieceTokenizer.from_file(files[0])
    assert tokenizer.encode("Ä") != tokenizer.encode("ä")
    assert tokenizer.encode("é") != tokenizer.encode("e")


def test_no_special_tokens_truncation_or_padding(files: tuple[Path, Path]) -> None:
    long = "你" * 2000
    for path in files:
        tokenizer = WordPieceTokenizer.from_file(path)
        assert len(tokenizer.encode(long)) == 2000
        assert tokenizer.encode("") == ()
        assert tokenizer.vocab_size == len(vocabulary())


def test_a_vocabulary_may_hold_line_separators(tmp_path: Path) -> None:
    """Unicode's own line ends are pieces there; only newlines end a line."""
    path = tmp_path / "vocab.txt"
    path.write_text("[UNK]\na\u2028b\n\u0085\nlast", encoding="utf-8")
    tokenizer = WordPieceTokenizer.from_file(path)
    assert tokenizer.vocab_size == 4
    assert tokenizer.encode("last") == (3,)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("vocab.txt", b"a\nb\n"),
        ("vocab.txt", b""),
        ("vocab.txt", b"\xff\xfe\x00"),
        ("tokenizer.json", b"{}"),
        ("tokenizer.json", b"not json"),
    ],
)
def test_broken_files(name: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=name):
        WordPieceTokenizer.from_file(path)
    with pytest.raises(CheckpointError, match="cannot read"):
        WordPieceTokenizer.from_file(tmp_path / "gone.txt")


@given(text=st.text(max_size=50))
def test_hash_tokenizer_is_total(text: str) -> None:
    ids = HashTokenizer(100).encode(text)
    assert all(0 <= token < 100 for token in ids)
    speakable = any(unicodedata.category(c)[0] in "LN" for c in text)
    assert ids or not speakable

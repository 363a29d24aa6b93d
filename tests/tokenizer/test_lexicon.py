"""Words read by their sounds: ``lexicon.tsv`` beside a checkpoint's tokenizer."""

from pathlib import Path

import pytest

from bark_core.errors import CheckpointError
from bark_core.text.lexicon import Lexicon, PronouncingTokenizer
from bark_core.text.tokenizer import HashTokenizer

SOUNDS = {"dog": "dɒɡ", "don't": "dəʊnt", "zoe": "zəʊi", "naïve": "naɪiv"}


def test_known_words_are_replaced_and_all_else_stays() -> None:
    lexicon = Lexicon(SOUNDS)
    assert lexicon.respell("A dog, dogs & 2 Dogs: DOG!") == "A dɒɡ, dogs & 2 Dogs: dɒɡ!"
    assert lexicon.respell("[laughs] ♪ Naïve ♪") == "[laughs] ♪ naɪiv ♪"
    assert lexicon.respell("") == ""
    assert lexicon.respell("3dog _dog 3 dog") == "3dog _dɒɡ 3 dɒɡ"


def test_apostrophes_belong_to_words() -> None:
    lexicon = Lexicon(SOUNDS)
    assert lexicon.respell("Don't. Don\u2019t.") == "dəʊnt. dəʊnt."
    assert lexicon.respell("Zoe's 'dog'") == "zəʊi's 'dɒɡ'"
    assert lexicon.respell("Abe\u2019ll") == "Abe'll"


def test_a_file_is_a_word_and_its_sounds_a_line(tmp_path: Path) -> None:
    path = tmp_path / "lexicon.tsv"
    path.write_text("dog\tdɒɡ\ndon't\tdəʊnt\n", "utf-8")
    assert Lexicon.from_file(path).respell("Don't, dog") == "dəʊnt, dɒɡ"


@pytest.mark.parametrize(
    "content", [b"dog\n", b"dog\t\n", b"\tdog\n", b"dog\ta\tb\n", b"ok\tok\n\n\xff\n"]
)
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "lexicon.tsv"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="lexicon"):
        Lexicon.from_file(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot read"):
        Lexicon.from_file(tmp_path / "lexicon.tsv")


def test_a_tokenizer_behind_a_lexicon_reads_sounds() -> None:
    plain = HashTokenizer(1000)
    tokenizer = PronouncingTokenizer(Lexicon(SOUNDS), plain)
    assert tokenizer.vocab_size == plain.vocab_size
    assert tokenizer.encode("The dog.") == plain.encode("The dɒɡ.")

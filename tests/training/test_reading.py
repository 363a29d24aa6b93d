"""Reading: a token a phone, pointers to every word of several sentences."""

import numpy as np
import pytest

pytest.importorskip("tokenizers")

from training.layout.reading import READING, lesson, read_out
from training.layout.semantic import IGNORED
from training.tokens.lexicon import in_sentences
from training.tokens.semantic import (
    CLASSES,
    FIRST_POINTER,
    GAP,
    PITCH_BINS,
    VOCABULARY,
    phone_string,
    sounds_of,
)
from training.tokens.text import Reader, build

_ONE = ("No soup, please.", "nˈO sˈup, plˈiz.")
_TWO = ("The city wakes.", "ðə sˈɪTi wˈAks.")
_BEAT = ("I beat ten men.", "I bˈit tˈɛn mˈɛn.")


def _reader() -> Reader:
    sounds = in_sentences([_ONE, _TWO, _BEAT])
    return Reader(build(sounds), sounds)


def test_every_phone_is_said_once_and_only_voices_have_a_pitch() -> None:
    ids = read_out(_ONE[1], 5)
    assert phone_string(ids) == "nOsuppliz"
    assert [CLASSES[c] for c in sounds_of(ids)] == list(" nO sup, pliz.")
    pitched = {CLASSES[i // PITCH_BINS] for i in ids if i % PITCH_BINS}
    assert pitched == set("nOuliz")
    assert {i % PITCH_BINS for i in ids} == {0, 5}
    assert READING not in ids


def test_sentences_follow_each_other_and_every_word_is_pointed_at() -> None:
    reader = _reader()
    made = lesson([_ONE, _TWO, _BEAT], reader, 128, 5)
    assert made.text.tolist() == reader.encode(" ".join(t for t, _ in (_ONE, _TWO, _BEAT))).ids
    assert len(made.pieces) == len(made.semantic) + 1
    pointers = made.semantic[made.semantic >= FIRST_POINTER] - FIRST_POINTER
    pieces = reader.encode(" ".join(t for t, _ in (_ONE, _TWO, _BEAT))).tokens
    starts = [i for i, piece in enumerate(pieces) if piece.startswith("▁")]
    assert pointers.tolist() == starts
    assert phone_string(made.semantic) == "nOsupplizðəsɪTiwAksIbittɛnmɛn"
    assert made.pieces[-1] == len(made.text) - 1


def test_what_does_not_fit_is_left_for_another_lesson() -> None:
    reader = _reader()
    room = len(reader.encode(_ONE[0]).ids) + 1
    made = lesson([_ONE, _TWO], reader, room, 1)
    assert phone_string(made.semantic) == "nOsuppliz"
    long = lesson([_ONE], reader, 3, 1)
    assert len(long.text) == 3
    assert made.semantic.max() < VOCABULARY
    cut = long.semantic[long.semantic >= FIRST_POINTER] - FIRST_POINTER
    assert (cut < 3).all()
    assert long.pieces[-1] == IGNORED


def test_a_sentence_whose_words_cannot_be_counted_off_stays_without_pointers() -> None:
    made = lesson([("3 by 4 is 12.", "θɹˈi bI fˈɔɹ ɪz twˈɛlv fˈit."), _TWO], _reader(), 128, 2)
    end = int(np.flatnonzero(sounds_of(made.semantic) == CLASSES.index("."))[0]) + 1
    assert (made.semantic[:end] < FIRST_POINTER).all()
    assert (made.pieces[:end] == IGNORED).all()
    assert sounds_of(made.semantic[:1]) == GAP
    assert (made.semantic[end:] >= FIRST_POINTER).sum() == 3

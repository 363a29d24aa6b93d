"""The voice's lexicon and the tokenizer behind it."""

import numpy as np
import pytest

pytest.importorskip("tokenizers")

from training.tokens.lexicon import SOUNDS, in_sentences, written
from training.tokens.semantic import CLASSES, FIRST_PHONE
from training.tokens.text import Reader, build

ROWS = [
    ("The dogs, two of them!", "ðə dˈɔɡz, tˈu ʌv ðˌɛm!"),
    ("The ape and the dogs.", "ði ˈAp ænd ðə dˈɔɡz."),
    ("It costs 20 dollars.", "ˌɪt kˈɔsts twˈɛnti fˈIv dˈɑləɹz."),  # other words: not learned from
]


def test_every_sound_has_a_letter_of_its_own_that_is_no_letter_of_english() -> None:
    others = set(CLASSES[FIRST_PHONE:]) - {"T"}  # a flap, as ɾ is
    assert len(SOUNDS) == len(set(SOUNDS)) == len(others)
    assert not set(SOUNDS) & set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


def test_sounds_are_learned_where_words_can_be_counted_off() -> None:
    sounds = in_sentences(ROWS)
    assert sounds["dogs"] == written("dˈɔɡz") == "ᴅˈɔɡᴢ"
    assert sounds["the"] == written("ðə")
    assert "costs" not in sounds


def test_a_token_a_sound_and_no_sound_is_unknown() -> None:
    sounds = in_sentences(ROWS)
    reader = Reader(build(sounds), sounds)
    assert reader.encode("“Two dogs”…").tokens == ["▁ᴛ", "ˈᴜ", "▁ᴅ", "ˈɔ", "ɡ", "ᴢ", "."]
    assert reader.encode("TWO — Zoë's!").tokens[2:] == [",", "▁z", "o", "e", "'", "s", "!"]
    every = "".join(SOUNDS) + " " + " ".join(f"ˈ{sound}" for sound in SOUNDS)
    assert 0 not in Reader(build({}), {}).encode(every).ids


def test_a_forgetful_reader_spells_some_of_the_words() -> None:
    sounds = in_sentences(ROWS)
    reader = Reader(build(sounds), sounds)
    half = reader.forgetful(0.5, np.random.default_rng(0))
    found = {tuple(half.encode("dogs").tokens) for _ in range(50)}
    assert found == {("▁ᴅ", "ˈɔ", "ɡ", "ᴢ"), ("▁d", "o", "g", "s")}


def test_rules_that_look_at_words_meet_their_sounds() -> None:
    sounds = {"three": written("θɹˈi"), "hundred": written("hˈʌndɹəd")}
    reader = Reader(build(sounds), sounds)
    assert reader.encode("300").tokens == reader.encode("three hundred").tokens

"""Word errors."""

import pytest

from bench.judges.words import in_words, normalise, word_errors


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "zero"),
        (17, "seventeen"),
        (40, "forty"),
        (342, "three hundred forty two"),
        (2000, "two thousand"),
        (45_012, "forty five thousand twelve"),
    ],
)
def test_numbers_in_words(number: int, words: str) -> None:
    assert in_words(number) == words


def test_written_and_spoken_forms_agree() -> None:
    assert normalise("He paid $45 at 6:45.") == normalise("he paid forty-five dollars at six 45")
    assert normalise("15 percent in 1962") == normalise("Fifteen % in nineteen sixty two!")
    assert word_errors("Don't go.", "dont go") == (0, 2)


def test_word_errors_count_edits() -> None:
    assert word_errors("the cat sat", "the bat sat down") == (2, 3)
    assert word_errors("the cat sat", "") == (3, 3)

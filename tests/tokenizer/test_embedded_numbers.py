"""The tokenizer that ships with the voice reads digits as it reads the words for them."""

from __future__ import annotations

import pytest

from bark_core.checkpoints import open_checkpoint
from bark_core.text.base import Tokenizer


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return open_checkpoint("embedded").tokenizer()


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("300", "three hundred"),
        ("2000", "two thousand"),
        ("1,000,000", "one million"),
        ("10,000,500", "ten million five hundred"),
        ("2,500,017", "two million five hundred thousand seventeen"),
        ("3400", "three thousand four hundred"),
        ("1905", "nineteen oh five"),
        ("205", "two hundred five"),
        ("48", "forty eight"),
        ("$1,000", "one thousand dollars"),
        ("$12.50", "twelve dollars and fifty cents"),
        ("3.14", "three point one four"),
        ("4:45", "four forty five"),
        ("50%", "fifty percent"),
        ("100th", "one hundredth"),
        ("21st", "twenty first"),
    ],
)
def test_digits_are_read_as_words(tokenizer: Tokenizer, written: str, spoken: str) -> None:
    text = "There were {} of them."
    assert tokenizer.encode(text.format(written)) == tokenizer.encode(text.format(spoken))


def test_no_round_number_ends_in_zeros(tokenizer: Tokenizer) -> None:
    zero = tokenizer.encode("zero")
    for number in (100, 200, 900, 1_000, 7_000, 90_000, 400_000, 1_000_000):
        ids = tokenizer.encode(f"{number:,}")
        assert ids[-len(zero) :] != zero, number

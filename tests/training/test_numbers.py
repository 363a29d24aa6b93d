"""How the voice reads numbers."""

import pytest

pytest.importorskip("tokenizers")

from tokenizers import Regex, normalizers

from training.tokens.numbers import rules


@pytest.fixture(scope="module")
def read() -> normalizers.Normalizer:
    return normalizers.Sequence(
        [normalizers.Replace(Regex(pattern), words) for pattern, words in rules()]
    )


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("0", "zero"),
        ("10", "ten"),
        ("13", "thirteen"),
        ("42", "forty two"),
        ("70", "seventy"),
        ("105", "one hundred five"),
        ("999", "nine hundred ninety nine"),
        ("1066", "one thousand sixty six"),
        ("1905", "nineteen oh five"),
        ("1962", "nineteen sixty two"),
        ("1900", "nineteen hundred"),
        ("2005", "two thousand five"),
        ("2024", "twenty twenty four"),
        ("3400", "three thousand four hundred"),
        ("12,345", "twelve thousand three hundred forty five"),
        ("1,000,000", "one million"),
        ("2,500,017", "two million five hundred thousand seventeen"),
        ("5551234567", "five five five one two three four five six seven"),
        ("007", "zero zero seven"),
        ("$1", "one dollar"),
        ("$1,000", "one thousand dollars"),
        ("$12.50", "twelve dollars and fifty cents"),
        ("$3.05", "three dollars and five cents"),
        ("$4.00", "four dollars"),
        ("3.14", "three point one four"),
        ("0.5", "zero point five"),
        ("7:05", "seven oh five"),
        ("10:00", "ten o'clock"),
        ("4:45", "four forty five"),
        ("50%", "fifty percent"),
        ("1st", "first"),
        ("11th", "eleventh"),
        ("21st", "twenty first"),
        ("30th", "thirtieth"),
        ("100th", "one hundredth"),
    ],
)
def test_a_number_is_read(read: normalizers.Normalizer, written: str, spoken: str) -> None:
    assert read.normalize_str(f"It is {written}.").split() == f"It is {spoken} .".split()


def test_every_number_up_to_ten_thousand_is_read_in_other_words(
    read: normalizers.Normalizer,
) -> None:
    found = {" ".join(read.normalize_str(str(number)).split()) for number in range(10_001)}
    assert len(found) == 10_001
    assert not any(c.isdigit() for words in found for c in words)

"""Words of texts, written and spoken alike, and how many are wrong."""

from __future__ import annotations

import re

# fmt: off
_ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
    "nineteen",
)
_TENS = ("_", "_", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
# fmt: on
_SPELLINGS = {"gray": "grey", "ok": "okay", "colour": "color", "colours": "colors"}


def in_words(number: int) -> str:
    """English words of 0 to 999,999."""
    if number < 20:
        return _ONES[number]
    if number < 100:
        rest = number % 10
        return _TENS[number // 10] + (f" {_ONES[rest]}" if rest else "")
    for size, name in ((1000, "thousand"), (100, "hundred")):
        if number >= size:
            rest = number % size
            return f"{in_words(number // size)} {name}" + (f" {in_words(rest)}" if rest else "")
    raise ValueError(f"{number} has no words here")


def _year_or_number(match: re.Match[str]) -> str:
    number = int(match.group().replace(",", ""))
    if 1100 <= number <= 1999 and "," not in match.group():
        rest = number % 100
        return f"{in_words(number // 100)} {in_words(rest) if rest else 'hundred'}"
    return in_words(number) if number < 1_000_000 else match.group()


def normalise(text: str) -> list[str]:
    """Words of a text with numbers spelled out, so that `45` and `forty-five` agree."""
    text = text.lower().replace("'", "").replace("\u2019", "").replace("%", " percent")
    text = re.sub(r"\$(\d[\d,]*)", r"\1 dollars", text)
    text = re.sub(r"(\d):00", r"\1 o clock", text)
    text = re.sub(r"(\d):(\d\d)", r"\1 \2", text)
    text = re.sub(r"\d[\d,]*\d|\d", _year_or_number, text)
    words = re.sub(r"[^a-z ]+", " ", text.replace("-", " ")).split()
    return [_SPELLINGS.get(word, word) for word in words if word != "and"]


def word_errors(wanted: str, heard: str) -> tuple[int, int]:
    """Edit distance in words, and the number of words wanted."""
    left, right = normalise(wanted), normalise(heard)
    row = list(range(len(right) + 1))
    for i, word in enumerate(left, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(right, 1):
            change = before + (word != other)
            before = row[j]
            row[j] = min(change, row[j] + 1, row[j - 1] + 1)
    return row[-1], len(left)

"""How numbers are read: rules for a tokenizer's normaliser, a pattern and what it becomes each.

American English as the teacher reads it: years in pairs, no "and" after a hundred. Rules only look
ahead, so that digits still stand where a rule looks, and every rule leaves shorter numbers behind.
"""

from collections.abc import Iterator

_UNITS = ("", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = ("ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen").split()
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ORDINALS = (
    "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth "
    "thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth"
).split()
_TENTHS = (
    "",
    "",
    *("twentieth thirtieth fortieth fiftieth sixtieth seventieth eightieth ninetieth").split(),
)
_END = r"(?!\d)"
_ALONE = r"(?<!\d)"
_SUFFIX = r"(?:st|nd|rd|th)\b"
_LONGEST_AMOUNT = 7  # digits before " dollars" is put behind them


def rules() -> Iterator[tuple[str, str]]:
    """Patterns and words, in the order in which they apply; words stand between spaces."""
    inside = (rf"(?<=\d{{{n}}})(?=\d{{{7 - n},}})" for n in range(1, 7))
    yield rf"{'|'.join(inside)}|(?<=\d{{7}})(?=\d)", " "  # a telephone number
    yield r"(?<=\d)-(?=\d)", ", "
    yield r"(?<=\d),(?=\d{3}(?!\d))", ""
    yield from _money()
    yield from _times()
    yield r"(?<=\d)\s?%", " percent "
    yield r"(?<=\d)\.(?=\d)", " point ."  # the point that stays says: digits one by one
    for places in range(6, 0, -1):  # from the last one on
        yield rf"(?<=\.\d{{{places}}})(?=\d)", " "
    yield r"\.(?=\d)", ""
    yield from _ordinals()
    yield rf"{_ALONE}0(?=\d)", " zero "
    yield from _years()
    yield r"(?<=\d)(?=\d{6}(?!\d))", " million "
    yield r"(?<=\d)(?<!million 000)(?=\d{3}(?!\d))", " thousand "
    yield r"(?<= (?:million|thousand) )0+", ""
    yield from _below_thousand()


def _money() -> Iterator[tuple[str, str]]:
    yield r"\$1(?![\d.,]*\d)", " one dollar "
    for cents in (True, False):
        for digits in range(_LONGEST_AMOUNT, 0, -1):
            amount = rf"(?<=\$\d{{{digits}}})"
            if cents:
                yield rf"{amount}\.00{_END}", " dollars "
                yield rf"{amount}\.0?(?=\d\d?{_END})", " dollars and @"
            else:
                yield rf"{amount}(?!\d|\.\d| dollars)", " dollars "
    yield r"(?<=@\d\d)", " cents "
    yield rf"(?<=@\d){_END}", " cents "
    yield r"[$@]", " "


def _times() -> Iterator[tuple[str, str]]:
    yield rf"(?<=\d):00{_END}", " o'clock "
    yield rf"(?<=\d):0(?=\d{_END})", " oh "
    yield rf"(?<=\d):(?=\d\d{_END})", " "


def _ordinals() -> Iterator[tuple[str, str]]:
    yield rf"(?<=\d)00{_SUFFIX}", " hundredth "
    for number in range(10, 20):
        yield rf"{number}{_SUFFIX}", f" {_ORDINALS[number]} "
    for ten in range(2, 10):
        yield rf"{ten}0{_SUFFIX}", f" {_TENTHS[ten]} "
    for unit in range(1, 10):
        yield rf"{_ALONE}{unit}{_SUFFIX}", f" {_ORDINALS[unit]} "
        yield rf"(?<=\d){unit}{_SUFFIX}", f"0 {_ORDINALS[unit]} "


def _years() -> Iterator[tuple[str, str]]:
    for century in (*range(11, 20), 20):
        pair = rf"{_ALONE}{century}"
        if century < 20:
            yield rf"{pair}00{_END}", f" {century} hundred "
            yield rf"{pair}0(?=[1-9]{_END})", f" {century} oh "
        yield rf"{pair}(?=[1-9]\d{_END})", f" {century} "


def _below_thousand() -> Iterator[tuple[str, str]]:
    for digit in range(1, 10):
        yield rf"{digit}(?=\d\d{_END})", f" {_UNITS[digit]} hundred "
    yield r"(?<= hundred )0+", ""
    for digit in range(10):
        yield rf"1{digit}{_END}", f" {_TEENS[digit]} "
    for digit in range(2, 10):
        yield rf"{digit}0{_END}", f" {_TENS[digit]} "
        yield rf"{digit}(?=\d{_END})", f" {_TENS[digit]} "
    yield "0", " zero "
    for digit in range(1, 10):
        yield str(digit), f" {_UNITS[digit]} "

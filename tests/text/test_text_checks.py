"""Cleaning and refusing text."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from bark_core.errors import OptionError, TextError
from bark_core.text import Segmenter, SegmentLimits, TokenCounter, validate_text
from bark_core.text.clean import MAX_COMBINING_RUN, Cleaner
from bark_core.text.graphemes import joins_previous
from bark_core.text.normalise import normalise


def reason(text: str, max_characters: int = 100) -> str:
    with pytest.raises(TextError) as caught:
        validate_text(text, max_characters)
    assert caught.value.field == "text"
    return caught.value.reason


@pytest.mark.parametrize("text", ["", " ", "\n\t\u00a0"])
def test_empty_text_is_refused(text: str) -> None:
    assert reason(text) == "TEXT_EMPTY"


@pytest.mark.parametrize("text", ["...", "?!", "—", "😀 👍🏽", "*** ---", "\u0301", "\u200b"])
def test_text_without_anything_to_say_is_refused(text: str) -> None:
    assert reason(text) == "TEXT_UNSPEAKABLE"


@pytest.mark.parametrize("text", ["a", "7", "♪", "[laughs]", "क", "字", "ㄱ"])
def test_anything_to_say_will_do(text: str) -> None:
    validate_text(text, 100)


def test_length_is_counted_in_code_points_and_first() -> None:
    validate_text("é" * 100, 100)
    assert reason("\0" * 101) == "TEXT_TOO_LONG"


@pytest.mark.parametrize("character", ["\0", "\x07", "\x1b", "\x7f", "\x80", "\x9f", "\ud800"])
def test_what_is_not_text_is_refused_with_its_position(character: str) -> None:
    with pytest.raises(TextError, match=f"U\\+{ord(character):04X} at position 3"):
        validate_text(f"abc{character}d", 100)
    assert reason(f"abc{character}d") == "TEXT_INVALID"


def test_a_refused_delta_leaves_no_trace(count_tokens: TokenCounter) -> None:
    segmenter = Segmenter(count_tokens, max_characters=20)
    segmenter.feed("Hello ")
    with pytest.raises(TextError, match="position 8"):
        segmenter.feed("th\0ere")
    with pytest.raises(TextError, match="21 characters; at most 20"):
        segmenter.feed("x" * 15)
    segmenter.feed("you.")
    (only,) = segmenter.flush()
    assert (only.spoken_text, only.source_start, only.source_end) == ("Hello you.", 0, 10)


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("a \t\r\n b", "a b"),
        ("a\u2028b\u00a0\u3000c\x85d", "a b c d"),
        ("so\u00adft \u200bze\u200dro\ufeff", "soft zero"),
        ("\u202eabc\u202c \u2066d\u2069", "abc d"),
        ("a\U000e0041b \ue000c \U0010fffed \u0378", "ab c d"),
        ("cafe\u0301", "caf\u00e9"),
        ("\u1112\u1161\u11ab", "\ud55c"),
        ("ﬁ ① ｆｕｌｌ", "ﬁ ① ｆｕｌｌ"),
        ("I ❤\ufe0f you 👍🏽!", "I you !"),
        ("20 °C, 5 × 3 = ½ © €", "20 °C, 5 × 3 = ½ © €"),
    ],
)
def test_normal_form(text: str, spoken: str) -> None:
    cleaned, positions = Cleaner().feed(text)
    assert normalise(cleaned) == spoken
    assert len(positions) == len(cleaned)
    assert all(
        text[at] == kept or kept in " \n" for kept, at in zip(cleaned, positions, strict=True)
    )


def test_combining_runs_are_bounded_however_they_are_cut() -> None:
    text = "e" + "\u0301\u200d" * 5000 + "x"
    cleaned, _ = Cleaner().feed(text)
    assert len(cleaned) == MAX_COMBINING_RUN + 2
    cleaner = Cleaner()
    assert "".join(cleaner.feed(character)[0] for character in text) == cleaned


def test_white_space_is_bounded() -> None:
    cleaned, _ = Cleaner().feed("a" + " \n\t\r\n" * 1000 + "b")
    assert cleaned == "a \n\nb"


def test_work_is_linear(count_tokens: TokenCounter) -> None:
    """Counted, not timed: characters that the counter sees grow with the text, not its square."""
    seen = 0

    def count(text: str) -> int:
        nonlocal seen
        seen += len(text)
        return count_tokens(text)

    for unit in ("word ", "a", "e.g. ", "! ", "(", "[a. ", "♪ ", "\u1100", "क्", "“a. ", "\n- "):
        work = []
        for size in (2_000, 8_000):
            seen = 0
            segmenter = Segmenter(count, max_characters=sys.maxsize)
            segmenter.feed(unit * (size // len(unit)))
            segmenter.flush()
            work.append(seen)
        assert work[1] <= 4.5 * work[0] + 2_000, unit


@pytest.mark.parametrize(
    "wrong", [{"max_tokens": 0}, {"min_tokens": -1}, {"first_clause_tokens": 0}]
)
def test_limits_are_checked(wrong: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        SegmentLimits(**wrong)


@pytest.mark.parametrize(
    "text",
    [
        "e\u0301",
        "\u0915\u094d\u0937",
        "\u1100\u1161",
        "\u1161\u11a8",
        "\uac00\u11a8",
        "\u1100\u1100",
    ],
)
def test_clusters_hang_together(text: str) -> None:
    assert joins_previous(text, len(text) - 1)


@pytest.mark.parametrize(
    "text", ["ab", "a ", " \u0301", "\n\u0301", "\uac00\u1100", "\u0915\u0937", "字字"]
)
def test_characters_of_their_own_do_not(text: str) -> None:
    assert not joins_previous(text, len(text) - 1)

"""Alignment to semantic tokens."""

import numpy as np
import pytest

from training.teacher.source import LEVELS, UNVOICED
from training.tokens import semantic


def _names(classes: np.ndarray) -> list[str]:
    return [semantic.CLASSES[index] for index in classes]


def test_stress_marks_give_their_time_to_the_vowel() -> None:
    classes, lengths = semantic.segments("ðə kˈæt", np.array([4, 3, 2, 1, 3, 2, 5, 4, 6]))
    assert _names(classes) == ["_", "ð", "ə", " ", "k", "æ", "t", "_"]
    assert lengths.tolist() == [4, 3, 2, 1, 3, 7, 4, 6]


def test_unknown_marks_belong_to_what_stands_before() -> None:
    classes, lengths = semantic.segments("iː", np.array([2, 3, 4, 1]))
    assert _names(classes) == ["_", "i", "_"]
    assert lengths.tolist() == [2, 7, 1]


def test_no_phone_is_lost_however_short() -> None:
    phones = "kætsstɹɪps"
    durations = np.array([3, *([1] * len(phones)), 3])
    made = semantic.frame_classes(phones, durations)
    kept = [c for c, before in zip(made, [-1, *made[:-1]], strict=True) if c != before]
    heard = "".join(name for name in _names(np.array(kept)) if name not in "_ ")
    assert heard == "kætstɹɪps"  # the double s is one run
    assert len(made) == sum(durations) * 600 // 640


def test_phones_are_moved_to_where_they_sound() -> None:
    durations = np.array([16, 16, 16])
    made = _names(semantic.frame_classes("a", durations))
    start = 16 * semantic.TEACHER_FRAME - semantic.LATE_SAMPLES
    assert made.index("a") == round(start / semantic.TOKEN_SAMPLES)
    assert made.count("a") == round(16 * semantic.TEACHER_FRAME / semantic.TOKEN_SAMPLES)


def test_pitch_bins_hold_at_their_edges() -> None:
    levels = np.array([11, 11, 12, 12, 13, 13, 16, 16, UNVOICED, UNVOICED, 12, UNVOICED])
    bins = semantic.pitch_bins(levels, 6)
    assert bins.tolist() == [2, 2, 2, 3, 0, 3]


@pytest.mark.parametrize("level", [0, LEVELS - 1])
def test_every_pitch_has_a_bin(level: int) -> None:
    bins = semantic.pitch_bins(np.array([level, level]), 1)
    assert 1 <= bins[0] < semantic.PITCH_BINS


def test_phone_string_merges_runs_and_leaves_pauses_out() -> None:
    index = {name: i for i, name in enumerate(semantic.CLASSES)}
    ids = [index[c] * semantic.PITCH_BINS + 3 for c in "_kkæt,  s"]
    assert semantic.phone_string(np.array(ids)) == "kæts"
    assert semantic.phone_string(np.array([], int)) == ""


def test_a_last_phone_does_not_last_for_ever() -> None:
    index = {name: i * semantic.PITCH_BINS for i, name in enumerate(semantic.CLASSES)}
    word = [index["s"]] * 3 + [index["ʌ"] + 4] * 4
    end = [index["n"]] * 14 + [index["."]] * 5
    made = semantic.without_drag(np.array(word + end))
    assert made.tolist() == word + [index["n"]] * 5 + [index["."]] * 5
    assert semantic.without_drag(made).tolist() == made.tolist()
    silent = np.array([index["_"]] * 9)
    assert semantic.without_drag(silent).tolist() == silent.tolist()
    assert semantic.without_drag(np.array([index["m"]] * 9)).size == 5

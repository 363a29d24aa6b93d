"""The judge of voices: its figures, its distance, its bookkeeping."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.judges.distance import mel_cepstral_distortion
from bench.quality import endings
from bench.quality.card import BEGIN, END, write_card
from bench.quality.court import Court, hear_all
from bench.quality.figures import Figures, Spoken, mistakes, table
from bench.quality.sentences import HELD_OUT, Teacher, sentences
from bench.quality.way import Way, speaking

RATE_HZ = 24_000
FloatArray = NDArray[np.float32]


def vowel(formants_hz: tuple[float, ...], seconds: float = 0.5) -> FloatArray:
    """Harmonics of 120 Hz, strong near the formants."""
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    audio = np.zeros_like(time_s)
    for hertz in np.arange(120, 5000, 120):
        strength = sum(np.exp(-(((hertz - f) / 200) ** 2)) for f in formants_hz) + 1e-3
        audio += strength * np.sin(2 * np.pi * hertz * time_s)
    return np.asarray(audio / np.abs(audio).max(), dtype=np.float32)


A, I = vowel((700, 1200, 2500)), vowel((300, 2300, 3000))  # noqa: E741


def test_distance_hears_vowels_not_loudness_nor_tempo() -> None:
    assert mel_cepstral_distortion(A, A) == 0
    other = mel_cepstral_distortion(A, I)
    assert other > 4
    assert mel_cepstral_distortion(A, A * np.float32(0.3)) < 1e-3
    word, slower = np.concatenate([A, I]), np.concatenate([A, A, I])
    assert mel_cepstral_distortion(word, slower) < 0.3 * other
    assert mel_cepstral_distortion(word, np.concatenate([I, A])) > 0.5 * other


def spoken(wrong: int, words: int, seconds: float = 1.0) -> Spoken:
    return Spoken("t", "h", wrong, words, seconds, 1.0, None, None)


def test_figures_of_a_voice() -> None:
    row = Figures("v", "w", [spoken(1, 4), spoken(0, 6, 1.7), spoken(0, 10, 0.0), spoken(0, 20)])
    assert row.word_error_rate == 1 / 40
    low, high = row.interval
    assert low == 0
    assert 1 / 40 < high < 0.2
    assert row.ended == 0.5, "one was too long, one was silent"
    assert row.length == pytest.approx(3.7 / 4)
    assert row.opinion is None
    line = table([row]).splitlines()[-1]
    assert line.startswith("| v | w | 2.5% (0.0% to ")
    assert mistakes([row]) == "v, w: 't' was heard as 'h'"
    assert json.loads(json.dumps(row.as_json()))["spoken"][0]["wrong"] == 1


def test_sentences_are_spread_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "texts"
    file.write_text("".join(f"{n}\n\n" for n in range(10)))
    assert sentences(file, 3) == ["0", "3", "6"]
    assert sentences(file, 100) == [str(n) for n in range(10)]
    assert len(sentences(HELD_OUT, 100)) == 100


def test_a_teacher_is_believed_before_a_guess(tmp_path: Path) -> None:
    file = tmp_path / "teacher.json"
    file.write_text('{"Hi.": 0.5}')
    teacher = Teacher(file)
    assert teacher.seconds("Hi.") == 0.5
    assert teacher.seconds("x" * 30) == 2.0
    assert teacher.seconds("x") == 0.8


async def test_later_ways_are_compared_with_the_first() -> None:
    court = Court(
        lambda audio: "yes" if audio[100] == A[100] else "no", lambda _: 3.0, Teacher(None)
    )
    firsts: dict[str, FloatArray] = {}

    async def speak_a(text: str, voice: str, seed: int) -> FloatArray | None:
        assert (voice, seed) == ("v", {"yes": 0, "silence": 1}[text])
        return None if text == "silence" else A

    async def speak_i(text: str, voice: str, seed: int) -> FloatArray | None:
        return I

    texts = ["yes", "silence"]
    first = await hear_all(speak_a, "v", texts, court, firsts)
    assert [(s.wrong, s.heard, s.seconds) for s in first] == [(0, "yes", 0.5), (1, "", 0.0)]
    assert [s.distortion_db for s in first] == [None, None]
    assert [s.opinion for s in first] == [3.0, None]
    second = await hear_all(speak_i, "v", texts, court, firsts)
    assert [s.wrong for s in second] == [1, 1]
    assert second[0].distortion_db == pytest.approx(mel_cepstral_distortion(A, I))
    assert second[1].distortion_db is None, "the first way had no sound to compare with"


def test_ways_have_names() -> None:
    assert Way.of("exact/float32") == Way("exact", "float32")
    assert Way.of("low-latency").name == "low-latency/int8"
    with pytest.raises(ValueError, match="no windows"):
        Way.of("fast/int8")


@pytest.mark.parametrize("way", ["exact/auto", "low-latency/auto", "fine_history_frames=24/auto"])
async def test_every_door_speaks(way: str) -> None:
    async with speaking(Way.of(way), "noise") as speak:
        first = await speak("Hello there.", "", 3)
        assert first is not None
        assert first.size > RATE_HZ // 10
        again = await speak("Hello there.", "", 3)
        assert again is not None
        assert np.array_equal(first, again)
        assert await speak("...", "", 3) is None


def test_a_card_gets_a_new_table_between_its_marks(tmp_path: Path) -> None:
    card = tmp_path / "README.md"
    card.write_text(f"# Voice\n\n{BEGIN}\nold | \\1\n{END}\n\nMore.\n", "utf-8")
    rows = [Figures("v", "exact/int8", [spoken(1, 2)])]
    for _ in range(2):  # again and again
        write_card(card, rows, 1)
        text = card.read_text("utf-8")
        assert text.startswith("# Voice\n\n<!-- quality -->\n1 held-out")
        assert text.endswith("<!-- end of quality -->\n\nMore.\n")
        assert "old" not in text
        assert text.count("| v | exact/int8 | 50.0%") == 1
        assert "* v, exact/int8: 't' was heard as 'h'" in text
    card.write_text("no marks", "utf-8")
    with pytest.raises(ValueError, match="has no <!-- quality -->"):
        write_card(card, rows, 1)


async def test_every_ending_is_counted() -> None:
    teacher = Teacher(None)
    made = await endings.spoken("noise", ["Hello there.", "Good night."], teacher, 3)
    assert [one.text for one in made] == ["Hello there.", "Good night.", "Hello there."]
    assert [one.seed for one in made] == [0, 1, 2]
    assert all(one.seconds > 0 for one in made)
    assert [replace(made[0], seconds=s).in_time for s in (0.0, 1.2, 1.3)] == [False, True, False]

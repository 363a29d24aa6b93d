"""Fades, the playhead and the way back from time to text."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bark_core.speech.fade import EdgeFade
from bark_core.speech.playback import PlaybackClock
from bark_core.speech.timeline import Timeline
from bark_core.text import TextSegment


@settings(max_examples=100)
@given(st.integers(0, 300), st.integers(0, 40), st.lists(st.integers(0, 300), max_size=8))
def test_fades_do_not_depend_on_cuts(samples: int, fade: int, cuts: list[int]) -> None:
    pcm = np.random.default_rng(samples).standard_normal(samples).astype(np.float32)
    whole = EdgeFade(fade)
    once = np.concatenate((whole.feed(pcm), whole.finish()))
    assert once.size == samples
    points = [0, *sorted(min(cut, samples) for cut in cuts), samples]
    piecewise = EdgeFade(fade)
    parts = [piecewise.feed(pcm[a:b]) for a, b in pairwise(points)]
    np.testing.assert_array_equal(np.concatenate((*parts, piecewise.finish())), once)
    if samples >= 2 * fade:
        np.testing.assert_array_equal(once[fade : samples - fade], pcm[fade : samples - fade])


def test_fades_rise_from_nothing_and_fall_to_nothing() -> None:
    fade = EdgeFade(10)
    pcm = np.ones(100, dtype=np.float32)
    faded = np.concatenate((fade.feed(pcm), fade.finish()))
    assert faded[0] < 0.01
    assert faded[-1] < 0.01
    assert np.all(np.diff(faded[:10]) > 0)
    np.testing.assert_allclose(faded, faded[::-1])
    assert np.all(pcm == 1), "the engine's array is not touched"


def test_no_fade_passes_audio_through_at_once() -> None:
    fade = EdgeFade(0)
    pcm = np.arange(5, dtype=np.float32)
    np.testing.assert_array_equal(fade.feed(pcm), pcm)
    assert fade.finish().size == 0


def test_the_playhead_waits_for_audio() -> None:
    clock = PlaybackClock(100)
    assert clock.played_s(5.0) == 0
    clock.sent(100, now_s=10.0)
    assert clock.played_s(10.4) == pytest.approx(0.4)
    assert clock.played_s(13.0) == pytest.approx(1.0)
    clock.sent(100, now_s=14.0)
    assert clock.played_s(14.25) == pytest.approx(1.25)
    assert clock.report(0.5, now_s=14.5) == pytest.approx(0.5)
    assert clock.played_s(14.6) == pytest.approx(0.6)
    assert clock.report(9.0, now_s=14.7) == pytest.approx(2.0)


def test_a_clock_that_runs_backwards_moves_nothing() -> None:
    clock = PlaybackClock(100)
    clock.sent(100, now_s=10.0)
    assert clock.played_s(10.5) == pytest.approx(0.5)
    assert clock.played_s(9.0) == pytest.approx(0.5)


def timeline(source: str, *, complete: bool, expected: int | None = None) -> Timeline:
    line = Timeline(sample_rate_hz=100)
    placed = line.place(TextSegment(0, source, 0, len(source)), 50)
    placed.sent_samples = 100
    placed.expected_samples = expected
    placed.complete = complete
    return line


@pytest.mark.parametrize(
    ("played", "heard"),
    [
        (0, ""),
        (50, ""),
        (55, ""),
        (70, "one"),
        (90, "one two"),
        (124, "one two three,"),
        (149, "one two three, four"),
        (150, "one two three, four"),
        (900, "one two three, four"),
    ],
)
def test_heard_text_ends_with_the_nearest_word(played: int, heard: str) -> None:
    source = "one two three, four"
    assert source[: timeline(source, complete=True).heard_characters(source, played)] == heard


def test_an_utterance_in_the_making_is_longer_than_what_was_sent() -> None:
    source = "one two three four five six"
    assert timeline(source, complete=False, expected=200).heard_characters(source, 150) == 13
    assert timeline(source, complete=False, expected=10).heard_characters(source, 100) == 13
    # Nothing known: 27 characters take about two seconds.
    assert timeline(source, complete=False).heard_characters(source, 150) == 13


def test_scripts_without_spaces_are_cut_between_characters() -> None:
    source = "今天天气、很好"
    assert timeline(source, complete=True).heard_characters(source, 50 + 43) == 3
    assert timeline(source, complete=True).heard_characters(source, 50 + 60) == 5, "after the comma"


def test_pauses_count_as_no_speech() -> None:
    line = Timeline(sample_rate_hz=100)
    for index, start in enumerate((0, 150)):
        line.place(TextSegment(index, "x", index, index + 1), start).sent_samples = 100
    assert [line.speech_samples(played) for played in (0, 60, 120, 150, 200, 999)] == [
        0, 60, 100, 100, 150, 200,
    ]  # fmt: skip

"""What a player should hold before it starts: the function against players that try."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bark_core.engine.start_hint import (
    LEAD_SHARE,
    MAX_BUFFER_S,
    SOON,
    ExpectedChunk,
    StartHint,
    Tail,
    start_hint,
)

CHUNKS = st.lists(
    st.builds(ExpectedChunk, audio_s=st.floats(0.01, 1.0), work_s=st.floats(0.0, 3.0)), max_size=12
)
HAIR_S = 1e-9


def silence_s(held_s: float, chunks: list[ExpectedChunk], start: int) -> float:
    """Silence that a player hears which starts when chunk ``start`` comes (0: with what it has)."""
    now_s, silent_s = 0.0, 0.0
    for chunk in chunks[:start]:
        held_s += chunk.audio_s
    for chunk in chunks[start:]:
        now_s += chunk.work_s
        silent_s += max(0.0, chunk.work_s - held_s)
        held_s = max(0.0, held_s - chunk.work_s) + chunk.audio_s
    return silent_s


def begins_with(hint: StartHint, held_s: float, chunks: list[ExpectedChunk]) -> int:
    """The chunk with which a player that honours the hint starts, at the latest the last one."""
    for number, chunk in enumerate(chunks):
        if held_s >= hint.buffer_s:
            return number
        held_s += chunk.audio_s
    return len(chunks)


@settings(max_examples=300, deadline=None)
@given(held_s=st.floats(0.0, 2.0), chunks=CHUNKS)
def test_who_waits_for_the_hint_hears_no_silence_and_waits_for_no_chunk_too_many(
    held_s: float, chunks: list[ExpectedChunk]
) -> None:
    hint = start_hint(held_s, chunks)
    start = begins_with(hint, held_s, chunks)
    assert silence_s(held_s, chunks, start) <= HAIR_S * 100
    if start > 0:
        assert silence_s(held_s, chunks, start - 1) > 0
    assert hint.wait_s == pytest.approx(sum(chunk.work_s for chunk in chunks[:start]))
    assert hint.expected_audio_s == pytest.approx(sum(chunk.audio_s for chunk in chunks))


@settings(max_examples=200, deadline=None)
@given(
    chunks=st.lists(
        st.builds(ExpectedChunk, audio_s=st.floats(0.1, 1.0), work_s=st.floats(0.01, 3.0)),
        min_size=1,
        max_size=4,
    ),
    times=st.integers(1, 20),
    ahead=st.integers(0, 3),
)
def test_of_a_tail_only_the_mean_is_known_and_still_nobody_hears_silence(
    chunks: list[ExpectedChunk], times: int, ahead: int
) -> None:
    known, rest = chunks * ahead, chunks * times
    tail = Tail.like(chunks, sum(chunk.audio_s for chunk in rest))
    hint = start_hint(0.5, known, tail)
    if hint.buffer_s == MAX_BUFFER_S:
        return
    start = begins_with(hint, 0.5, known + rest)
    assert silence_s(0.5, known + rest, start) <= HAIR_S * 1000
    # Not much more than needed: three rounds of the pattern earlier it would run dry.
    early = start - 3 * len(chunks) - 1
    if early >= 0:
        assert silence_s(0.5, known + rest, early) > 0


@settings(max_examples=100, deadline=None)
@given(
    rate=st.floats(1.05, 8.0),
    audio_s=st.floats(2.0, 30.0),
    piece_s=st.floats(0.05, 0.5),
)
def test_at_an_even_rate_it_is_the_textbook_formula(
    rate: float, audio_s: float, piece_s: float
) -> None:
    """Buffer B of a whole of L: B + what comes while B is heard ... = L (1 - 1 / r)."""
    count = max(2, round(audio_s / piece_s))
    chunks = [ExpectedChunk(piece_s, rate * piece_s)] * count
    hint = start_hint(0.0, chunks)
    expected_s = count * piece_s * (1 - 1 / rate)
    assert hint.buffer_s == pytest.approx(expected_s, abs=1.6 * piece_s)


def test_a_machine_that_keeps_up_bridges_its_longest_wait_for_a_chunk() -> None:
    chunks = [ExpectedChunk(0.2, 0.1), ExpectedChunk(0.5, 0.25), ExpectedChunk(0.5, 0.1)]
    hint = start_hint(0.4, chunks)
    assert hint.buffer_s == pytest.approx(0.15)
    assert hint.expected_audio_s == pytest.approx(1.2)
    assert hint.wait_s == 0


def test_an_early_dear_chunk_counts_though_the_mean_rate_is_low() -> None:
    """The semantic stage of the next sentence, say: the mean rate is below one."""
    chunks = [ExpectedChunk(0.5, 0.1), ExpectedChunk(0.5, 2.0), *[ExpectedChunk(0.5, 0.1)] * 20]
    hint = start_hint(0.2, chunks)
    start = begins_with(hint, 0.2, chunks)
    assert start == 2
    assert 0.7 < hint.buffer_s < 1.2


def test_nothing_more_to_come_starts_at_once() -> None:
    assert start_hint(0.3, []) == StartHint(0.0, 0.0, 0.0)


@pytest.mark.parametrize(("max_lead_s", "most_s"), [(None, MAX_BUFFER_S), (2.0, 2.0 * LEAD_SHARE)])
def test_nobody_is_asked_to_hold_what_is_never_sent(
    max_lead_s: float | None, most_s: float
) -> None:
    tail = Tail(audio_s=900.0, rate=3.0, lag_s=1.0)
    chunks = [ExpectedChunk(0.5, 1.5)] * 10
    hint = start_hint(0.5, chunks, tail, max_lead_s=max_lead_s)
    assert hint.buffer_s == most_s
    assert hint.expected_audio_s == pytest.approx(905.0)
    assert hint.wait_s == pytest.approx((most_s - 0.5) * 3.0, abs=1.5)


def test_hints_that_follow_ask_for_the_same() -> None:
    """As long as all comes as expected, a player is not told another thing with every chunk."""
    chunks = [ExpectedChunk(0.2, 0.9), *[ExpectedChunk(0.8, 1.6)] * 9]
    held_s, told = 0.2, []
    for number in range(len(chunks)):
        hint = start_hint(held_s, chunks[number:])
        told.append(hint.buffer_s)
        if held_s >= hint.buffer_s:
            break
        held_s += chunks[number].audio_s
    assert len(told) > 3
    assert all(math.isclose(buffer_s, told[0]) for buffer_s in told[:-1])
    assert told[-1] <= held_s


def test_who_need_not_wait_for_a_whole_chunk_waits_for_a_part() -> None:
    """0.3 s are in hand, the next comes in 0.4 s, and the one after it is the dearest."""
    chunks = [ExpectedChunk(0.5, 0.4), ExpectedChunk(0.5, 0.7), ExpectedChunk(0.5, 0.2)]
    hint = start_hint(0.3, chunks)
    assert hint.delay_s == pytest.approx(0.4 + 0.7 - (0.3 + 0.5))
    assert hint.wait_s == pytest.approx(0.4)
    assert start_hint(0.3, chunks[:1]).delay_s == pytest.approx(0.1)
    dear = [ExpectedChunk(0.5, 0.1)] * SOON + [ExpectedChunk(0.5, 9.0)]
    assert start_hint(0.3, dear).soon_s == 0.0
    assert start_hint(0.3, dear).delay_s > 0

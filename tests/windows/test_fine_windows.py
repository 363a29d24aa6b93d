"""Fine windows and codec chunks: against the reference's formulas, the oracle and brute force."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bark_core.config import FineTokens
from bark_core.options import LowLatencyWindows
from bark_core.windows import (
    CodecChunk,
    CodecPlan,
    ExactFinePlan,
    FinePlan,
    FineWindow,
    Known,
    LowLatencyFinePlan,
    Ramp,
)
from tests.support import oracle

FINE = FineTokens()
HISTORIES = [0, 237, 464, 511, 512]


def reference_positions(total: int, history: int) -> list[FineWindow]:
    """start, width and fill of all windows, by the reference's formulas."""
    columns = max(total + history, 1024)
    loops = max(0, math.ceil((total - (1024 - history)) / 512)) + 1
    found = []
    for n in range(loops):
        start = min(512 * n, columns - 1024)
        fill = min(history + 512 * n, columns - 512)
        found.append(FineWindow(n, start, 1024, fill - start))
    return found


def windows_of(plan: FinePlan, known: Known) -> list[FineWindow]:
    found: list[FineWindow] = []
    while (window := plan.window(len(found), known)) is not None:
        found.append(window)
    return found


@pytest.mark.parametrize("history", HISTORIES)
def test_exact_positions_for_every_length(history: int) -> None:
    plan = ExactFinePlan(FINE, history)
    assert windows_of(plan, Known(0, 0, 0)) == []
    for total in range(1, 1300):
        known = Known(total, total, total)
        expected = reference_positions(total, history)
        assert windows_of(plan, known) == expected
        assert plan.final_frames(len(expected), known) == total


@pytest.mark.parametrize("history", HISTORIES)
def test_exact_windows_run_as_early_as_they_are_certain(history: int) -> None:
    """Brute force over every length the utterance may still have."""
    plan = ExactFinePlan(FINE, history)
    for frames in range(0, 1300, 13):
        known = Known(frames, frames, None)
        certain = [
            window
            for window in reference_positions(4000, history)
            if window.start + 1024 <= history + frames
        ]
        assert windows_of(plan, known) == certain
        for total in range(frames, frames + 1100, 37):
            assert reference_positions(total, history)[: len(certain)] == certain


@pytest.mark.parametrize("history", HISTORIES)
def test_exact_finality_is_right_and_tight_to_a_frame(history: int) -> None:
    plan = ExactFinePlan(FINE, history)
    for frames in range(512, 1300, 29):
        for ahead in (0, 40, 300):
            known = Known(frames, frames + ahead, None)
            done = len(windows_of(plan, known))
            if done == 0:
                assert plan.final_frames(0, known) == 0
                continue
            earliest = []
            least = frames + ahead
            for total in (least, *range(least + 1, least + 1100, 7)):
                windows = reference_positions(total, history)
                if done < len(windows):
                    earliest.append(windows[done].start + windows[done].fill_start - history)
                else:
                    earliest.append(total)
            # One frame short where the utterance could end right here.
            assert 0 <= min(earliest) - plan.final_frames(done, known) <= 1


@pytest.mark.parametrize(
    ("history", "total", "frames", "final"),
    [
        (512, 512, 512, 512),
        (512, 600, 512, 88),
        (512, 600, 600, 600),
        (512, 1154, 512, 512),
        (512, 1154, 1024, 642),
        (512, 1154, 1154, 1154),
        (464, 1154, 560, 512),
        (464, 1154, 1072, 642),
        (0, 1154, 1024, 512),
        (0, 1024, 1023, 0),
        (0, 1024, 1024, 1024),
    ],
)
def test_published_finality(history: int, total: int, frames: int, final: int) -> None:
    """Frames that are final once so many coarse frames exist and the length is known."""
    plan = ExactFinePlan(FINE, history)
    known = Known(frames, total, total)
    assert plan.final_frames(len(windows_of(plan, known)), known) == final


def fill_all(plan: FinePlan, coarse: np.ndarray, history: np.ndarray) -> list[list[int]]:
    """Runs a plan offline with the oracle's hash."""
    total, held = coarse.shape[1], plan.history_frames
    codes = np.full((8, max(held + total, 1024)), 1024)
    if held:
        codes[:, :held] = history[:, -held:]
    codes[:2, held : held + total] = coarse
    for n, window in enumerate(windows_of(plan, Known(total, total, total))):
        view = codes[:, window.start : window.start + window.width]
        for k in range(2, 8):
            rows = [tuple(map(int, row)) for row in view[: k + 1]]
            view[k, window.fill_start :] = oracle.hashed_codes(rows, n, window.fill_start)
    found: list[list[int]] = codes[:, held : held + total].tolist()
    return found


@pytest.mark.parametrize("total", [1, 30, 511, 512, 513, 600, 1024, 1025, 1154])
@pytest.mark.parametrize("voice_frames", [0, 300, 520])
def test_exact_codes_equal_the_reference(total: int, voice_frames: int) -> None:
    generator = np.random.default_rng(total)
    coarse = generator.integers(0, 1024, (2, total))
    history = generator.integers(0, 1024, (8, voice_frames))
    plan = ExactFinePlan(FINE, min(512, voice_frames))
    expected, seen = oracle.reference_fine(coarse.tolist(), history.tolist())
    assert fill_all(plan, coarse, history) == expected
    found = windows_of(plan, Known(total, total, total))
    assert [(w.start, w.start + w.fill_start) for w in found] == seen


RAMPS = [(15, 24, 38, 60), (1,), (7, 1, 3), (384,)]
SMALL_WINDOW = FineTokens(max_history_frames=16, window_frames=32)
PLANS = [
    LowLatencyFinePlan.of(
        fine,
        LowLatencyWindows(ramp_frames=ramp, fine_lookahead_frames=ahead, fine_history_frames=seen),
        history,
    )
    for fine in (FINE, SMALL_WINDOW)
    for history in (0, 100, 512)
    for ramp in RAMPS
    for ahead, seen in ((6, 128), (0, 0), (128, 512))
]


def test_ramp_boundaries() -> None:
    ramp = Ramp((15, 24, 38))
    assert [ramp.start(i) for i in range(6)] == [0, 15, 39, 77, 115, 153]


@pytest.mark.parametrize("plan", PLANS)
def test_low_latency_chunks_cover_every_frame_once(plan: LowLatencyFinePlan) -> None:
    for total in (0, 1, 14, 15, 16, 77, 400, 1154):
        known = Known(total, total, total)
        windows = windows_of(plan, known)
        start = 0
        for n, window in enumerate(windows):
            first = window.start + window.fill_start - plan.history_frames
            assert first == start == plan.ramp.start(n)
            end = window.start + window.width - plan.history_frames
            start = plan.final_frames(n + 1, known)
            assert end == min(total, plan.ramp.start(n + 1) + plan.lookahead_frames) >= start
            seen = min(plan.max_history_frames, plan.history_frames + first)
            assert window.fill_start == min(seen, plan.window_frames - (end - first))
            assert window.start >= 0
            assert 0 < window.width <= plan.window_frames
        assert start == total


@settings(max_examples=300, deadline=None)
@given(
    plan=st.sampled_from([*PLANS, *(ExactFinePlan(FINE, h) for h in HISTORIES)]),
    total=st.integers(0, 1300),
    seen=st.integers(0, 1300),
    ahead=st.integers(0, 300),
)
def test_fine_windows_that_run_early_run_the_same_as_late(
    plan: FinePlan, total: int, seen: int, ahead: int
) -> None:
    frames = min(seen, total)
    early = Known(frames, min(frames + ahead, total), None)
    late = Known(total, total, total)
    windows = windows_of(plan, early)
    assert windows_of(plan, late)[: len(windows)] == windows
    known_total = Known(frames, total, total)
    assert windows_of(plan, known_total)[: len(windows)] == windows
    final = plan.final_frames(len(windows), early)
    later = windows_of(plan, late)[len(windows) :]
    for window in later:
        assert window.start + window.fill_start - plan.history_frames >= final
    assert final <= total


@settings(max_examples=300, deadline=None)
@given(
    ramp=st.sampled_from([Ramp((75,)), *map(Ramp, RAMPS)]),
    total=st.integers(0, 1300),
    cuts=st.lists(st.tuples(st.integers(0, 1300), st.integers(0, 200), st.booleans()), max_size=30),
)
def test_codec_chunks_do_not_depend_on_the_order_of_arrival(
    ramp: Ramp, total: int, cuts: list[tuple[int, int, bool]]
) -> None:
    plan = CodecPlan(ramp)

    def chunks(moments: list[tuple[int, Known]]) -> list[CodecChunk]:
        found: list[CodecChunk] = []
        for final, known in moments:
            while (chunk := plan.chunk(len(found), final, known)) is not None:
                found.append(chunk)
        return found

    end = (total, Known(total, total, total))
    moments = []
    for frames, ahead, ended in sorted(cuts):
        final = min(frames, total)
        moments.append((final, Known(final, min(total, final + ahead), total if ended else None)))
    streamed, offline = chunks([*moments, end]), chunks([end])
    assert streamed == offline
    assert [chunk.last for chunk in offline[:-1]] == [False] * (len(offline) - 1)
    assert all(chunk.last for chunk in offline[-1:])

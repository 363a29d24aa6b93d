"""What batches will cost and how long speech will be, from what was measured."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bark_core.backends.base import BackendLimits
from bark_core.engine.cost_curve import CostCurve
from bark_core.engine.costs import MeasuredCosts
from bark_core.engine.length import MAX_RATIO, LengthMeter
from bark_core.engine.machine_time import Spent
from bark_core.engine.pace import Demand, PaceMeter
from bark_core.engine.work import Work
from tests.support.requests import request
from tests.support.simulation import CONFIG

SIZES = st.lists(st.floats(10, 1000), min_size=1, max_size=30)
RATE_HZ = CONFIG.semantic.rate_hz


@settings(max_examples=100, deadline=None)
@given(
    sizes=SIZES, fixed_s=st.floats(0.0, 1.0), per_s=st.floats(0.0, 0.01), asked=st.floats(5, 2000)
)
def test_a_cost_is_never_underestimated(
    sizes: list[float], fixed_s: float, per_s: float, asked: float
) -> None:
    curve = CostCurve()
    for size in sizes:
        curve.add(size, fixed_s + per_s * size)
    true_s = fixed_s + per_s * asked
    assert curve.cost_s(asked) >= true_s * (1 - 1e-6) - 1e-9


def test_a_cost_that_was_seen_at_two_sizes_is_known() -> None:
    curve = CostCurve()
    for size in (20, 200, 20, 200, 150):
        curve.add(size, 0.1 + 0.001 * size)
    assert curve.cost_s(400) == pytest.approx(0.5)
    assert curve.cost_s(100) == pytest.approx(0.2)


def test_nothing_measured_costs_nothing_and_no_cost_falls_with_size() -> None:
    curve = CostCurve()
    assert curve.cost_s(10) == 0
    curve.add(100, 1.0)
    assert curve.cost_s(200) == pytest.approx(2.0)
    assert curve.cost_s(50) == pytest.approx(1.0)
    for size, cost_s in ((200, 0.5), (100, 1.0), (200, 0.5)):
        curve.add(size, cost_s)
    assert curve.cost_s(300) == pytest.approx(curve.cost_s(10))


def test_lengths_are_learned() -> None:
    meter = LengthMeter(CONFIG)
    text = request(text_ids=10, typical_s=4.0)
    first = meter.tokens(text)
    assert first == pytest.approx(1.25 * 4.0 * RATE_HZ, abs=1)
    for _ in range(30):
        meter.add(text, round(2.0 * RATE_HZ))
    assert meter.tokens(text) == pytest.approx(2.0 * RATE_HZ, rel=0.1)
    assert meter.speech_s(8.0) == pytest.approx(4.0, rel=0.1)


def test_pessimism_has_a_bound() -> None:
    meter = LengthMeter(CONFIG)
    text = request(text_ids=10, typical_s=0.1)
    for _ in range(50):
        meter.add(text, 700)
    assert meter.speech_s(0.1) <= 0.1 * 2 * MAX_RATIO
    assert meter.tokens(request(typical_s=1000.0)) == CONFIG.semantic.max_new_tokens


def test_one_that_goes_on_is_longer_than_what_it_has() -> None:
    meter = LengthMeter(CONFIG)
    assert meter.tokens(request(typical_s=1.0), so_far=400) == 460
    limit = CONFIG.semantic.max_new_tokens
    assert meter.tokens(request(typical_s=1.0), so_far=limit - 1) == limit


def test_what_the_request_says_is_no_estimate() -> None:
    meter = LengthMeter(CONFIG)
    assert meter.tokens(request(forced_semantic_tokens=33, typical_s=9.0)) == 33
    assert meter.tokens(request(semantic_tokens=(1, 2, 3))) == 3
    bounded = request(max_duration_s=2.0, typical_s=9.0)
    assert meter.tokens(bounded) == int(2.0 * RATE_HZ) + 1
    endless = request(allow_early_stop=False, typical_s=1.0)
    assert meter.tokens(endless) == CONFIG.semantic.max_new_tokens
    before = meter.speech_s(1.0)
    meter.add(request(forced_semantic_tokens=33, typical_s=9.0), 33)
    assert meter.speech_s(1.0) == before


def run(meter: PaceMeter, rows: Demand, wanted: Demand, busy_s: float = 0.01) -> None:
    for _ in range(200):
        meter.add(Work.COARSE_STEP, 1, busy_s, rows=rows, wanted=wanted)


@pytest.mark.parametrize(("rows", "waits"), [(1, 4.0), (4, 1.0), (2, 2.0)])
def test_neighbours_that_share_batches_cost_less_time(rows: int, waits: float) -> None:
    costs = MeasuredCosts(BackendLimits(4, 4, 1, 1, 1))
    for _ in range(200):
        costs.add(Work.COARSE_STEP, rows, 4, Spent(0.0, 0.01, 0.01, 0.01))
    assert costs.waits_s(Work.COARSE_STEP, 4) == pytest.approx(waits * 0.01)


def test_alone_there_is_nobody_to_wait_for() -> None:
    costs = MeasuredCosts(BackendLimits(4, 4, 1, 1, 1))
    # A batch of another lane ran beside each of them: half of the time was theirs.
    costs.add(Work.COARSE_STEP, 1, 1, Spent(0.0, 0.01, 0.01, 0.005))
    assert costs.waits_s(Work.COARSE_STEP, 1) == pytest.approx(0.01)
    assert costs.waits_s(Work.COARSE_STEP, 3) == pytest.approx(0.015)


def test_what_was_made_in_passing_is_not_left_over() -> None:
    meter = PaceMeter()
    assert meter.left_over == 1.0
    run(meter, Demand(1, 0), Demand(1, 1))
    assert meter.left_over == pytest.approx(1.0)
    run(meter, Demand(1, 1), Demand(1, 1), busy_s=1.0)
    assert meter.left_over == pytest.approx(0.5, abs=0.01)

"""The scheduling policy, rule by rule."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any, cast

import pytest

from bark_core.backends.base import BackendLimits
from bark_core.engine.costs import MeasuredCosts
from bark_core.engine.degradation import PREFETCH_SLACK_S
from bark_core.engine.machine_time import Spent
from bark_core.engine.meter import LoadMeter
from bark_core.engine.pipeline import Pipeline
from bark_core.engine.policy import (
    Candidate,
    choose,
    deadline_s,
    resumes_at_s,
    soonest,
    spare_s,
)
from bark_core.engine.request import Pacing
from bark_core.engine.stream import Stream
from bark_core.engine.utterance import Utterance
from bark_core.engine.work import Work
from tests.support.requests import request

WIDE = BackendLimits(8, 8, 8, 8, 8)
NARROW = BackendLimits(8, 3, 1, 1, 1)
STEP, PREFILL = Work.COARSE_STEP, Work.COARSE_PREFILL


class Still:
    """A pipeline that needs a fixed number of steps."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def until_audio(self) -> Counter[Work]:
        return Counter({Work.COARSE_STEP: self.steps})


def utterance(
    name: str = "a", *, arrival_s: float = 10.0, steps: int = 0, **fields: Any
) -> Utterance:
    stream = fields.pop("stream", None) or Stream(name)
    made = Utterance(request(name, **fields), stream, arrival_s)
    made.pipeline = cast(Pipeline, Still(steps))
    stream.utterances.append(made)
    return made


def candidate(
    name: str,
    *works: Work,
    due_s: float,
    prefetch: bool = False,
    alone: bool = False,
    steps: int = 0,
    heard: bool = False,
) -> Candidate:
    made = utterance(name, steps=steps)
    if alone:
        made.suspect((works or (STEP,))[0], 1)
    return Candidate(made, works or (STEP,), due_s, prefetch, heard)


def chosen(
    *line: Candidate,
    limits: BackendLimits = WIDE,
    meter: LoadMeter | None = None,
    now_s: float = 10.0,
    costs: MeasuredCosts | None = None,
) -> tuple[Work, list[str]]:
    choice = choose(line, limits, meter or LoadMeter(), now_s, costs)
    assert choice is not None
    return choice.work, [u.utterance_id for u in choice.utterances]


class TestDeadline:
    def test_before_any_audio_it_is_the_target(self) -> None:
        late = utterance(pacing=Pacing(None, first_audio_target_s=0.7))
        assert deadline_s(late, 12.0) == pytest.approx(10.7)

    def test_while_it_plays_it_is_the_moment_of_running_dry(self) -> None:
        made = utterance()
        made.stream.clock.deliver(3.0, 11.0)
        made.delivered_samples = 72_000
        assert deadline_s(made, 12.0) == pytest.approx(14.0)

    def test_running_dry_in_its_middle_is_in_the_past(self) -> None:
        made = utterance(pacing=Pacing(None, first_audio_target_s=50.0))
        made.stream.clock.deliver(1.0, 11.0)
        made.delivered_samples = 24_000
        assert deadline_s(made, 20.0) == pytest.approx(12.0)

    def test_the_next_one_of_a_stream_that_still_plays(self) -> None:
        stream = Stream("s")
        stream.clock.deliver(3.0, 9.0)
        made = utterance(stream=stream, pacing=Pacing(None, first_audio_target_s=50.0))
        assert deadline_s(made, 10.5) == pytest.approx(12.0)

    def test_the_next_one_after_a_pause_is_a_newcomer(self) -> None:
        stream = Stream("s")
        stream.clock.deliver(3.0, 1.0)
        made = utterance(stream=stream, pacing=Pacing(None, first_audio_target_s=0.5))
        assert deadline_s(made, 10.1) == pytest.approx(10.5)

    def test_one_made_ahead_is_due_with_its_head(self) -> None:
        stream = Stream("s")
        utterance("head", stream=stream, arrival_s=3.0)
        assert deadline_s(utterance("next", stream=stream), 10.0) == pytest.approx(3.3)


class TestLead:
    def test_it_yields_until_the_lead_has_shrunk(self) -> None:
        made = utterance(pacing=Pacing(max_lead_s=1.0))
        assert resumes_at_s(made, 10.0) == 10.0
        made.stream.clock.deliver(3.0, 10.0)
        assert resumes_at_s(made, 10.5) == pytest.approx(12.0)
        assert resumes_at_s(made, 12.0) == 12.0

    def test_without_a_bound_it_never_yields(self) -> None:
        made = utterance(pacing=Pacing(max_lead_s=None))
        made.stream.clock.deliver(3000.0, 10.0)
        assert resumes_at_s(made, 10.5) == 10.5

    def test_a_paused_listener_is_waited_for(self) -> None:
        made = utterance(pacing=Pacing(max_lead_s=1.0))
        made.stream.clock.deliver(3.0, 10.0)
        made.stream.clock.report(0.1, 10.1)
        made.stream.clock.report(0.1, 10.9)
        assert resumes_at_s(made, 11.0) == math.inf
        assert soonest([math.inf]) is None
        assert soonest([math.inf, 5.0, 7.0]) == 5.0


class TestChoice:
    def test_nobody(self) -> None:
        assert choose([], WIDE, LoadMeter(), 1.0) is None

    def test_the_earliest_deadline_leads_and_does_what_it_wants_most(self) -> None:
        late = candidate("late", Work.CODEC, due_s=20)
        early = candidate("early", Work.FINE, Work.CODEC, due_s=15)
        assert chosen(late, early) == (Work.FINE, ["early"])

    def test_others_ride_with_anything_they_could_do(self) -> None:
        line = [
            candidate("a", STEP, due_s=15),
            candidate("b", Work.FINE, STEP, due_s=17),
            candidate("c", Work.FINE, due_s=16),
            candidate("d", STEP, due_s=16),
        ]
        assert chosen(*line) == (STEP, ["a", "d", "b"])

    def test_up_to_the_width(self) -> None:
        line = [candidate(name, due_s=15 + i) for i, name in enumerate("abcde")]
        assert chosen(*line, limits=NARROW) == (STEP, ["a", "b", "c"])

    def test_one_made_ahead_never_leads_before_one_waited_for(self) -> None:
        ahead = candidate("ahead", Work.FINE, due_s=11, prefetch=True)
        assert chosen(ahead, candidate("head", due_s=99)) == (STEP, ["head"])
        assert chosen(ahead) == (Work.FINE, ["ahead"])

    def test_one_made_ahead_rides_last_and_only_if_there_is_time(self) -> None:
        ahead = candidate("ahead", due_s=11, prefetch=True)
        other = candidate("other", due_s=99)
        slack = PREFETCH_SLACK_S
        relaxed = candidate("head", due_s=10 + slack)
        assert chosen(ahead, other, relaxed) == (STEP, ["head", "other", "ahead"])
        hurried = candidate("head", due_s=10 + 0.9 * slack)
        assert chosen(ahead, other, hurried) == (STEP, ["head", "other"])

    def test_time_is_counted_until_the_next_audio(self) -> None:
        meter = LoadMeter()
        meter.add(STEP, Spent(0.0, 0.01, 0.01, 0.01), 0.0)
        busy = candidate("head", due_s=11, steps=80)
        assert spare_s(busy, meter, 10.0) == pytest.approx(0.2)
        ahead = candidate("ahead", due_s=11, prefetch=True)
        assert chosen(busy, ahead, meter=meter) == (STEP, ["head"])

    def test_one_under_suspicion_runs_alone(self) -> None:
        suspect = candidate("suspect", due_s=11, alone=True)
        other = candidate("other", due_s=12)
        assert chosen(suspect, other) == (STEP, ["suspect"])
        assert chosen(candidate("head", due_s=10.5), suspect, other) == (STEP, ["head", "other"])


class TestJoining:
    """Others are prefilled before the leader steps, if it can afford it."""

    METER = LoadMeter()
    METER.add(PREFILL, Spent(0.0, 0.2, 0.2, 0.2), 0.0)

    def pick(
        self, due_s: float, *others: Candidate, limits: BackendLimits = NARROW
    ) -> tuple[Work, list[str]]:
        return chosen(candidate("leader", due_s=due_s), *others, limits=limits, meter=self.METER)

    def test_with_time_to_spare(self) -> None:
        others = [candidate("b", PREFILL, due_s=30), candidate("c", PREFILL, due_s=20)]
        assert self.pick(11, *others) == (PREFILL, ["c"])
        assert self.pick(11, *others, limits=WIDE) == (PREFILL, ["c", "b"])

    def test_not_if_that_made_the_leader_late(self) -> None:
        assert self.pick(10.1, candidate("b", PREFILL, due_s=30)) == (STEP, ["leader"])

    def test_but_if_it_is_late_already_sharing_comes_first(self) -> None:
        assert self.pick(9.9, candidate("b", PREFILL, due_s=30)) == (PREFILL, ["b"])

    def test_not_if_the_batch_is_full_anyway(self) -> None:
        riders = [candidate(name, due_s=15) for name in "xy"]
        found = self.pick(11, *riders, candidate("b", PREFILL, due_s=30))
        assert found == (STEP, ["leader", "x", "y"])

    def test_a_prefill_of_another_stage_is_no_reason(self) -> None:
        other = candidate("b", Work.SEMANTIC_PREFILL, due_s=30)
        assert self.pick(11, other) == (STEP, ["leader"])

    def test_not_for_one_under_suspicion(self) -> None:
        other = candidate("b", PREFILL, due_s=30, alone=True)
        assert self.pick(11, other) == (STEP, ["leader"])


class TestCompany:
    """How many ride with a leader, by what a batch of 1 and one of 5 rows were measured to cost."""

    @staticmethod
    def costs(alone_s: float, five_s: float) -> MeasuredCosts:
        costs = MeasuredCosts(WIDE)
        for rows, lasts_s in ((1, alone_s), (5, five_s)):
            for _ in range(5):  # what was measured once says nothing
                costs.add(STEP, rows, rows, Spent(0.0, lasts_s, lasts_s, lasts_s))
        return costs

    @staticmethod
    def riders(costs: MeasuredCosts, *, heard: bool, steps: int = 1) -> int:
        leader = candidate("leader", due_s=10.1, steps=steps, heard=heard)
        others = [candidate(f"other {n}", due_s=15.0, steps=5, heard=True) for n in range(4)]
        work, names = chosen(leader, *others, costs=costs)
        assert work is STEP
        assert names[0] == "leader"
        return len(names) - 1

    def test_a_first_audio_takes_along_what_costs_nothing(self) -> None:
        assert self.riders(self.costs(0.01, 0.01), heard=False) == 4

    def test_nobody_where_every_row_costs_the_same(self) -> None:
        assert self.riders(self.costs(0.01, 0.05), heard=False) == 0

    def test_half_where_company_saves_half(self) -> None:
        assert self.riders(self.costs(0.01, 0.03), heard=False) == 2

    def test_a_listener_with_time_takes_all_along(self) -> None:
        assert self.riders(self.costs(0.005, 0.025), heard=True) == 4

    def test_with_less_time_as_many_as_leave_it_in_time_even_if_it_takes_thrice(self) -> None:
        # 4 steps within 0.1 s: 4 x 3 x 0.01 is too much even alone.
        assert self.riders(self.costs(0.01, 0.05), heard=True, steps=4) == 0
        assert self.riders(self.costs(0.002, 0.01), heard=True, steps=4) == 3

    def test_where_company_saves_much_it_is_worth_more_than_safety(self) -> None:
        assert self.riders(self.costs(0.01, 0.014), heard=True, steps=6) == 4
        assert self.riders(self.costs(0.01, 0.03), heard=True, steps=40) == 2, "late anyhow"

"""Whoever is let in does not run dry, and whoever is not is told so at once: in pretended time."""

from __future__ import annotations

from typing import Any

import pytest

from bark_core.engine.capacity import CostModel, Listener
from bark_core.engine.costs import BatchCosts
from bark_core.engine.degradation import AMPLE_S, PREFETCH_SLACK_S, measures
from bark_core.engine.doorkeeper import Doorkeeper
from bark_core.engine.events import UtteranceFailed, UtteranceQueued, UtteranceStarted
from bark_core.engine.interface import EngineLimits
from bark_core.engine.outlook import Making, Outlook, Waiting, ahead_of, ends_s
from bark_core.engine.pieces import recipe_of
from bark_core.engine.request import Pacing
from bark_core.engine.work import Work
from bark_core.errors import CapacityError, DeadlineError
from bark_core.options import LowLatencyWindows
from tests.support.requests import request
from tests.support.rush import LIMITS, SLOTS, Rush, measured
from tests.support.simulation import CONFIG, SPEECH_COSTS

MODEL_STEP = Work.COARSE_STEP


@pytest.mark.parametrize("lanes", [1, 2])
@pytest.mark.parametrize("seed", [1, 2])
def test_at_three_times_what_can_be_fed_nobody_let_in_runs_dry(seed: int, lanes: int) -> None:
    """An utterance is about 3.8 s; about 5 s of audio a second is what a lane can make."""
    rush = Rush(lanes=lanes)
    rush.rush(lanes * 3 * 5 / 3.8, 8.0, seed)
    # A piece may be late by a batch that has just begun: a window of somebody else at most.
    longest_s = max(cost.batch_s + cost.row_s for _, cost in SPEECH_COSTS)
    assert all(silent_s < longest_s for silent_s in rush.silences().values())
    assert rush.refused, "more came than could be fed"
    assert all(isinstance(error, CapacityError) for error in rush.refused)
    assert all(0 < getattr(error, "retry_after_s", 0) <= 60 for error in rush.refused)
    elapsed_s = rush.simulation.now_s - 100.0
    assert rush.spoken_s() / elapsed_s > 2.5, "and the machine was not idle meanwhile"


def test_without_admission_they_do() -> None:
    rush = Rush(EngineLimits(max_waiting=1000))
    rush.rush(3 * 5 / 3.8, 8.0, 1)
    assert len(rush.silences()) > 5
    assert not rush.refused


def test_who_waits_is_told_where_and_moves_up() -> None:
    rush = Rush(EngineLimits(measured_places=True, max_wait_s=60.0))
    for number in range(12):
        rush.come(str(number), text_ids=10)
    rush.simulation.run()
    last = [e.position for e in rush.simulation.of("11") if isinstance(e, UtteranceQueued)]
    assert last == sorted(last, reverse=True)
    assert last[0] > 1
    assert last[-1] == 1
    assert all(rush.simulation.finished(name) for name in rush.let_in)


def test_higher_priority_begins_first() -> None:
    rush = Rush(EngineLimits(measured_places=True, max_wait_s=60.0))
    for number in range(8):
        rush.come(f"low-{number}", text_ids=10, priority=-1)
    rush.come("high", text_ids=10, priority=1)
    rush.simulation.run()
    begun = [e.utterance_id for _, e in rush.simulation.events if isinstance(e, UtteranceStarted)]
    assert "high" in begun[:4]
    assert begun[-1].startswith("low")


def test_who_may_be_put_off_begins_sooner() -> None:
    def begun_s(max_hold_s: float) -> list[float]:
        rush = Rush(EngineLimits(measured_places=True, max_wait_s=60.0))
        for number in range(5):
            rush.come(str(number), text_ids=10, pacing=Pacing(max_hold_s=max_hold_s))
        rush.simulation.run()
        return [at for at, e in rush.simulation.events if isinstance(e, UtteranceStarted)]

    late, soon = begun_s(0.0), begun_s(0.5)
    assert len(late) == len(soon) == 5
    assert soon[1] < late[1]
    assert soon[-1] < late[-1]


def test_nobody_waits_longer_than_is_allowed() -> None:
    rush = Rush(EngineLimits(measured_places=True, max_wait_s=0.5))
    for number in range(8):  # all in one moment, before the engine knows of any of them
        rush.simulation.submit(request(str(number), text_ids=16))
    rush.simulation.run()
    failed = [e for _, e in rush.simulation.events if isinstance(e, UtteranceFailed)]
    assert failed
    assert {e.error.reason for e in failed} == {"WAITED_TOO_LONG"}


class TestCosts:
    def test_between_and_beyond_what_was_measured(self) -> None:
        costs = BatchCosts()
        costs.add(MODEL_STEP, 2, 0.02)
        assert costs.batch_s(MODEL_STEP, 1) == pytest.approx(0.02)
        assert costs.batch_s(MODEL_STEP, 4) == pytest.approx(0.04)
        costs.add(MODEL_STEP, 4, 0.03)
        assert costs.batch_s(MODEL_STEP, 3) > costs.batch_s(MODEL_STEP, 2)
        assert costs.batch_s(Work.FINE, 1) == 0.0

    def test_what_company_saves(self) -> None:
        costs = BatchCosts()
        assert costs.saving(MODEL_STEP, 4) == 1.0, "not known: it has to be tried"
        for _ in range(100):
            costs.add(MODEL_STEP, 1, 0.01)
        assert costs.saving(MODEL_STEP, 4) == 1.0
        costs.add(MODEL_STEP, 5, 0.09)
        assert costs.saving(MODEL_STEP, 4) == 1.0, "one batch may be longer for any reason"
        for _ in range(200):
            costs.add(MODEL_STEP, 5, 0.02)
        assert costs.saving(MODEL_STEP, 1) == 1.0
        assert costs.saving(MODEL_STEP, 5) == pytest.approx(0.75, abs=0.1)
        assert len({costs.saving(MODEL_STEP, rows) for rows in (3, 5, 9)}) == 1
        costs.add(Work.FINE, 1, 0.01)
        for _ in range(5):
            costs.add(Work.FINE, 2, 0.03)
        assert costs.saving(Work.FINE, 2) == 0.0

    def test_a_slower_machine_is_slower_for_all_numbers_of_rows(self) -> None:
        costs = BatchCosts()
        for _ in range(100):
            costs.add(MODEL_STEP, 1, 0.01)
            costs.add(MODEL_STEP, 4, 0.02)
        for _ in range(3000):
            costs.add(MODEL_STEP, 1, 0.03)
        assert costs.batch_s(MODEL_STEP, 1) == pytest.approx(0.03, rel=0.05)
        assert costs.batch_s(MODEL_STEP, 4) == pytest.approx(0.06, rel=0.4)

    def test_one_batch_that_was_interrupted_says_little(self) -> None:
        costs = BatchCosts()
        for _ in range(100):
            costs.add(MODEL_STEP, 1, 0.001)
        costs.add(MODEL_STEP, 1, 0.02)
        assert costs.batch_s(MODEL_STEP, 1) < 0.0013

    def test_a_warm_up_measures_every_kind_and_several_at_once(self) -> None:
        costs = measured()
        for work in Work:
            assert costs.shares.batch_s(work, 1) > 0
        step = costs.shares.batch_s(MODEL_STEP, 1)
        assert step < costs.shares.batch_s(MODEL_STEP, SLOTS) < SLOTS * step


class TestCapacity:
    MODEL = CostModel(measured(), recipe_of(CONFIG, LowLatencyWindows()), 0.2)

    def test_more_listeners_take_more_time_but_less_each(self) -> None:
        paces = [self.MODEL.pace(fed) for fed in range(1, SLOTS + 1)]
        assert paces == sorted(paces)
        assert paces[-1] < SLOTS * paces[0]

    def test_places_are_what_fits_into_the_time(self) -> None:
        places = self.MODEL.places(SLOTS)
        assert self.MODEL.pace(places) <= 0.8
        assert places == SLOTS or self.MODEL.pace(places + 1) > 0.8

    def test_nobody_is_too_much_for_an_idle_machine(self) -> None:
        assert self.MODEL.start([]).short_s == 0

    def test_who_has_little_in_hand_is_not_put_at_risk(self) -> None:
        def short_s(held_s: float) -> float:
            rows = self.MODEL.recipe.pieces[4].rows
            return self.MODEL.start([Listener(held_s, rows, 4)] * 3).short_s

        assert short_s(0.05) > 0
        assert short_s(5.0) == 0

    def test_who_may_be_put_off_begins_where_others_would_stutter(self) -> None:
        listeners = [Listener(0.9, self.MODEL.recipe.pieces[4].rows, 4)] * 4
        at_once, put_off = self.MODEL.start(listeners), self.MODEL.start(listeners, 0.5)
        assert at_once.short_s > 0
        assert put_off.short_s == 0
        late_s = put_off.first_audio_s - at_once.first_audio_s
        assert late_s == pytest.approx(at_once.short_s)


def outlook(**fields: Any) -> Outlook:
    usual: dict[str, Any] = {
        "at_s": 0.0,
        "obeyed": 0,
        "places": 2,
        "free_at_s": (3.0, 5.0),
        "line": (),
        "turn_s": 0.0,
        "first_audio_s": 0.5,
        "pace": 0.5,
        "speech_ratio": 1.0,
    }
    return Outlook(**{**usual, **fields})


class TestOutlook:
    def test_the_wait_is_until_as_many_have_left_as_are_ahead(self) -> None:
        assert outlook().wait_s([], 1.0) == 2.0
        assert outlook().wait_s([Waiting(0, 10.0)], 1.0) == 4.0
        assert outlook().wait_s([Waiting(0, 1.0)] * 2, 1.0) == 4.0
        assert outlook(free_at_s=(0.0, 5.0)).wait_s([], 1.0) == 0.0

    def test_it_is_no_shorter_than_the_line_has_lately_moved(self) -> None:
        assert outlook(turn_s=4.0).wait_s([], 1.0) == 3.0

    def test_higher_priority_stands_before_lower(self) -> None:
        line = [Waiting(1, 1.0), Waiting(0, 1.0), Waiting(-1, 1.0)]
        assert [len(ahead_of(priority, line)) for priority in (1, 0, -1)] == [1, 2, 3]

    def test_those_being_made_end_one_after_another(self) -> None:
        making = [Making(2.0, 0.0, None), Making(1.0, 0.0, None)]
        assert ends_s(making, [0.0, 0.5, 0.8]) == pytest.approx([0.8, 1.3])
        paced = [Making(10.0, 1.0, 2.0)]
        assert ends_s(paced, [0.0, 0.5]) == [9.0]


class TestDoorkeeper:
    def door(self, told: Outlook, **bounds: Any) -> Doorkeeper:
        made = Doorkeeper(EngineLimits(**{"max_wait_s": 6.0, "max_waiting": 2, **bounds}))
        made.learn(told)
        return made

    def reason(self, door: Doorkeeper, **fields: Any) -> str:
        try:
            door.check(request(text_ids=10, **fields), 0.0)
        except (CapacityError, DeadlineError) as error:
            return error.reason
        return ""

    def test_who_would_wait_too_long_is_refused_with_that_time(self) -> None:
        door = self.door(outlook(free_at_s=(6.0, 7.0)))
        with pytest.raises(CapacityError) as caught:
            door.check(request(text_ids=10), 0.0)
        assert caught.value.reason == "WAIT_TOO_LONG"
        assert caught.value.retry_after_s == pytest.approx(6.0)

    def test_others_may_wait_until_the_line_is_full(self) -> None:
        door = self.door(outlook())
        assert self.reason(door) == ""
        full = outlook(line=(Waiting(0, 0.1),) * 2)
        assert self.reason(self.door(full)) == "LINE_FULL"
        assert self.reason(self.door(outlook(free_at_s=(0.0, 0.0)), max_waiting=0)) == ""

    def test_those_let_in_since_are_counted_until_the_engine_knows_them(self) -> None:
        door = self.door(outlook(free_at_s=(0.0,), pace=5.0))
        door.sent(request(text_ids=10))
        assert self.reason(door) == "WAIT_TOO_LONG"
        door.learn(outlook(free_at_s=(0.0,), obeyed=1))
        assert self.reason(door) == ""

    def test_no_line_while_somebody_runs_dry(self) -> None:
        assert self.reason(self.door(outlook(line_open=False))) == "SHORT_OF_TIME"

    def test_a_deadline_that_cannot_be_met_is_refused_now(self) -> None:
        door = self.door(outlook())  # 3 s of waiting, 0.5 s, and 3.8 s of speech at half the time
        assert self.reason(door, deadline_s=5.0) == "DEADLINE_TOO_SHORT"
        assert self.reason(door, deadline_s=6.0) == ""

    def test_a_text_under_way_is_never_turned_away(self) -> None:
        assert self.reason(self.door(outlook(free_at_s=(99.0,))), index=1) == ""

    def test_nothing_is_known_before_the_engine_has_spoken(self) -> None:
        assert self.reason(Doorkeeper(LIMITS)) == ""


def test_what_is_given_up_first() -> None:
    ample, hurried, late = measures(AMPLE_S), measures(PREFETCH_SLACK_S / 2), measures(-0.1)
    assert (ample.prefetch, ample.extend_leads, ample.queueing) == (True, True, True)
    assert (hurried.prefetch, hurried.extend_leads, hurried.queueing) == (False, True, True)
    assert (late.prefetch, late.extend_leads, late.queueing) == (False, False, False)


def test_pieces_are_those_of_the_windows() -> None:
    recipe = recipe_of(CONFIG, LowLatencyWindows())
    assert [round(piece.audio_s * 75) for piece in recipe.pieces[:4]] == [20, 30, 44, 60]
    assert recipe.rows[Work.COARSE_STEP] > 2000

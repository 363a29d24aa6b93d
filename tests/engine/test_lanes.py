"""Batches of different stages side by side, in pretended time: who runs, and what is given on."""

from __future__ import annotations

import random
from typing import Any

import pytest

from bark_core.backends.base import BackendLimits
from bark_core.backends.fake import Cost, Effect, FakeScript, Fault
from bark_core.engine.events import UtteranceAborted, UtteranceFailed
from bark_core.engine.request import Pacing
from bark_core.errors import DeadlineError
from bark_core.options import ExactWindows, LowLatencyWindows
from tests.support.requests import random_voice, request
from tests.support.simulation import CONFIG, SPEECH_COSTS, Simulation

FREE = Pacing(max_lead_s=None)


def speak(
    lanes: int, seed: int | None = None, *, beside: bool = False, **fields: Any
) -> Simulation:
    """One utterance of its own and two of one stream."""
    jitter = None if seed is None else random.Random(seed)
    simulation = Simulation(slots=3, lanes=lanes, prefills_beside_steps=beside, jitter=jitter)
    simulation.submit(request("own", text_ids=9, keep_tokens=True, **fields))
    for i, name in enumerate(("first", "second")):
        simulation.submit(
            request(name, stream_id="s", index=i, text_ids=5, keep_tokens=True, **fields)
        )
    simulation.run()
    return simulation


@pytest.mark.parametrize("lanes", [2, 3, 4])
@pytest.mark.parametrize("windows", [ExactWindows(), LowLatencyWindows()])
@pytest.mark.parametrize("beside", [False, True])
def test_nothing_depends_on_the_order_in_which_batches_end(
    lanes: int, windows: ExactWindows | LowLatencyWindows, *, beside: bool
) -> None:
    voice = random_voice(CONFIG, 158, 237)
    one_by_one = speak(1, windows=windows, voice=voice)
    for seed in range(4):
        simulation = speak(lanes, seed, beside=beside, windows=windows, voice=voice)
        assert 2 <= simulation.pretended.most <= lanes
        for name in ("own", "first", "second"):
            assert simulation.pcm(name).tobytes() == one_by_one.pcm(name).tobytes()
            found = simulation.finished(name).tokens
            expected = one_by_one.finished(name).tokens
            assert found is not None
            assert expected is not None
            assert found.semantic.tobytes() == expected.semantic.tobytes()
            assert found.fine.tobytes() == expected.fine.tobytes()


def test_one_utterance_is_made_sooner_by_itself() -> None:
    ends = {}
    for lanes in (1, 2):
        simulation = Simulation(lanes=lanes)
        simulation.submit(request(text_ids=20, pacing=FREE))
        simulation.run()
        ends[lanes] = simulation.finished("a").report.total_s
    assert ends[2] < 0.85 * ends[1]


def test_a_stage_is_never_in_two_lanes() -> None:
    """Four lanes, work for one stage only: the pretended lanes assert the rest."""
    simulation = Simulation(lanes=4)
    for name in "abc":
        simulation.submit(request(name, text_ids=9, semantic_only=True))
    simulation.run()
    assert simulation.pretended.most == 1


def test_shares_add_up_to_the_time_that_passed() -> None:
    simulation = Simulation(lanes=2)
    for name in "ab":
        simulation.submit(request(name, text_ids=20, pacing=FREE))
    simulation.run()
    factor = simulation.loop._scheduler.meter.realtime_factor
    audio_s = 2 * simulation.pcm("a").size / CONFIG.sample_rate_hz
    assert factor == pytest.approx((simulation.now_s - 100.0) / audio_s, rel=0.05)
    # What its batches lasted is more than the time that passed.
    report = simulation.finished("a").report
    lasted_s = sum(getattr(report.stages, f) for f in report.stages.__dataclass_fields__)
    assert lasted_s > 1.2 * (simulation.now_s - 100.0)


def slow_fine(lanes: int = 2, slots: int = 1, **fields: Any) -> Simulation:
    """A fine pass takes a second, so that things happen while one is under way."""
    costs = (*(cost for cost in SPEECH_COSTS if cost[0] != "FinePass"), ("FinePass", Cost(1.0)))
    script = FakeScript(costs=costs, **fields)
    return Simulation(slots=slots, lanes=lanes, script=script)


def until_fine(simulation: Simulation) -> None:
    """Until a fine pass is under way beside others."""
    while not simulation.pretended.has("FinePass"):
        simulation.run(until_s=simulation.now_s + 0.01)


def test_an_abort_is_told_at_once_and_the_slot_given_on_when_its_batch_has_ended() -> None:
    simulation = slow_fine()
    simulation.submit(request("a", text_ids=40, pacing=FREE))
    simulation.submit(request("b", text_ids=3))
    until_fine(simulation)
    landing_s, asked_s = simulation.pretended.latest_s, simulation.now_s
    simulation.abort("a")
    simulation.run(until_s=asked_s + 0.05)
    assert isinstance(simulation.end("a"), UtteranceAborted)
    told_s = next(at for at, event in simulation.events if event is simulation.end("a"))
    assert told_s - asked_s < 0.02 < landing_s - asked_s
    scheduler = simulation.loop._scheduler
    assert (scheduler.running, scheduler.slots.free, scheduler.slots.leaving) == (0, 0, 1)
    before = len(simulation.executed)
    simulation.run()
    prefilled = next(b for b in simulation.executed[before:] if b.kind == "SemanticPrefill")
    assert prefilled.at_s >= landing_s
    simulation.finished("b")
    assert (scheduler.running, scheduler.slots.free, scheduler.slots.leaving) == (0, 1, 0)


def test_a_deadline_passes_while_a_batch_is_under_way() -> None:
    simulation = slow_fine()
    simulation.submit(request("a", text_ids=40, pacing=FREE))
    until_fine(simulation)
    deadline_s = simulation.now_s + 0.2
    simulation.abort("a")
    simulation.run()
    simulation = slow_fine()
    simulation.submit(request("a", text_ids=40, pacing=FREE, deadline_s=deadline_s))
    simulation.run()
    assert isinstance(simulation.failed("a").error, DeadlineError)
    told_s = next(at for at, event in simulation.events if event is simulation.end("a"))
    assert told_s == pytest.approx(deadline_s, abs=0.02)
    assert simulation.now_s > deadline_s + 0.5  # the answer of the pass was still to come


def test_an_answer_that_comes_after_the_end_is_dropped() -> None:
    """Also if the same slot, or the same name, is in use again by then."""
    simulation = slow_fine(slots=2)
    simulation.submit(request("a", text_ids=40, pacing=FREE))
    until_fine(simulation)
    simulation.abort("a")
    simulation.run(until_s=simulation.now_s + 0.005)
    count = len(simulation.events)
    simulation.submit(request("a", text_ids=6, seed=3))
    simulation.run()
    again = simulation.events[count:]
    alone = Simulation()
    alone.submit(request("a", text_ids=6, seed=3))
    alone.run()
    simulation.events = again
    assert simulation.pcm("a").tobytes() == alone.pcm("a").tobytes()
    simulation.finished("a")


def test_somebody_who_waits_takes_a_slot_whose_owner_has_a_batch_under_way() -> None:
    """One is evicted, not one at every turn; its slot is given on when the batch has ended."""
    script = FakeScript(costs=(("SemanticStep", Cost(1.0)),))
    unhurried = Pacing(max_lead_s=None, first_audio_target_s=1e6)
    simulation, alone = Simulation(slots=2, lanes=2, script=script), Simulation(slots=2)
    for one in (simulation, alone):
        for i in range(2):
            sentence = request(f"s{i}", stream_id="s", index=i, text_ids=5, pacing=unhurried)
            one.submit(sentence)
    alone.run()
    simulation.run(until_s=103.5)
    assert simulation.pretended.latest_s > simulation.now_s  # both have a row in it
    simulation.submit(request("new", text_ids=3, pacing=unhurried))
    scheduler = simulation.loop._scheduler
    for moment_s in (103.6, 103.7, 103.8):
        simulation.run(until_s=moment_s)
        assert (scheduler.running, scheduler.slots.free, scheduler.slots.leaving) == (1, 0, 1)
    simulation.run()
    assert simulation.finished("new").report.queued_s < 1.1
    for name in ("s0", "s1"):
        assert simulation.pcm(name).tobytes() == alone.pcm(name).tobytes()


@pytest.mark.parametrize("batch", ["SemanticStep", "CoarseStep", "CodecDecode"])
def test_a_restart_forgets_the_rows_that_are_under_way(batch: str) -> None:
    """A batch fails for good reasons while the same utterance has a row in a long pass."""
    fault = Fault(Effect.RAISE, batch, at=3 if batch == "CodecDecode" else 150, times=1)
    simulation = slow_fine(slots=2, faults=(fault,))
    healthy = Simulation()
    for one in (simulation, healthy):
        for name in "ab":
            one.submit(request(name, text_ids=40, seed=ord(name), pacing=FREE))
        one.run()
    for name in "ab":
        assert simulation.pcm(name).tobytes() == healthy.pcm(name).tobytes()
        assert simulation.finished(name).report.frames == healthy.finished(name).report.frames


def test_who_is_alone_at_one_stage_is_not_cleared_by_another() -> None:
    """A window fails twice, and coarse steps go well in between: they prove nothing."""
    script = FakeScript(costs=SPEECH_COSTS, faults=(Fault(Effect.RAISE, "FinePass", times=2),))
    simulation = Simulation(slots=1, lanes=2, script=script)
    simulation.submit(request("a", text_ids=20, pacing=FREE))
    simulation.run()
    assert isinstance(simulation.end("a"), UtteranceFailed)


def test_an_engine_whose_lanes_are_full_does_not_turn_idly() -> None:
    simulation = slow_fine(slots=2)
    for name in "ab":
        simulation.submit(request(name, text_ids=10, pacing=FREE))
    simulation.run()
    turns = len(simulation.waits)
    assert turns <= 2 * len(simulation.executed) + 10
    simulation.finished("a")
    simulation.finished("b")


def test_steps_still_share_batches() -> None:
    simulation = Simulation(lanes=2, limits=BackendLimits(4, 4, 1, 1, 1))
    for name in "abcd":
        simulation.submit(request(name, text_ids=20, pacing=FREE))
    simulation.run()
    widths = simulation.widths("CoarseStep")
    assert sum(widths) / len(widths) > 2


def test_nothing_is_made_beside_a_first_audio() -> None:
    """For later chunks of the same utterance; those who hear something go on."""
    simulation = Simulation(lanes=2)
    simulation.submit(request("old", text_ids=30, pacing=FREE))
    simulation.run(until_s=101.0)
    assert simulation.pretended.most == 2
    simulation.pretended.most = 0
    simulation.submit(request("new", text_ids=30, pacing=FREE))
    alone = Simulation()
    alone.submit(request("new", text_ids=30))
    alone.run()
    simulation.run()
    took_s = simulation.first_audio_s("new") - 101.0
    # The old one's urgent work goes on: at worst every batch waits for one of the same stage.
    assert took_s < 2 * (alone.first_audio_s("new") - 100.0)
    first = Simulation(lanes=2)
    first.submit(request("new", text_ids=30, pacing=FREE))
    first.run(until_s=alone.first_audio_s("new") - 0.001)
    assert first.pretended.most == 1
    first.run()
    assert first.pretended.most == 2
    assert first.first_audio_s("new") == pytest.approx(alone.first_audio_s("new"))

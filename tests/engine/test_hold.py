"""Audio kept back for players that start with the first of it, in pretended time."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bark_core.backends.fake import Cost, FakeScript
from bark_core.engine.events import AudioReady
from bark_core.engine.request import Pacing, UtteranceRequest
from bark_core.errors import OptionError
from tests.support.requests import request
from tests.support.simulation import CONFIG, SPEECH_COSTS, Simulation

TYPICAL_S = 12 / CONFIG.semantic.rate_hz  # what the fake says for an id


def speech(max_hold_s: float, name: str = "a", text_ids: int = 12) -> UtteranceRequest:
    pacing = Pacing(max_hold_s=max_hold_s)
    made = request(name, text_ids, pacing=pacing)
    return replace(made, typical_s=text_ids * TYPICAL_S)


def spoken(max_hold_s: float, factor: float, lanes: int = 1, seed: int | None = None) -> Simulation:
    costs = tuple((n, Cost(c.batch_s * factor, c.row_s * factor)) for n, c in SPEECH_COSTS)
    jitter = None if seed is None else random.Random(seed)
    simulation = Simulation(script=FakeScript(costs=costs), lanes=lanes, jitter=jitter)
    simulation.submit(speech(max_hold_s))
    simulation.run()
    return simulation


@settings(max_examples=20, deadline=None)
@given(factor=st.floats(0.5, 12.0), lanes=st.sampled_from([1, 2]))
def test_who_may_be_kept_waiting_long_enough_never_runs_dry(factor: float, lanes: int) -> None:
    kept, sent = spoken(1000.0, factor, lanes), spoken(0.0, factor, lanes)
    assert kept.finished("a").report.underruns == 0
    assert np.array_equal(kept.pcm("a"), sent.pcm("a"))


@settings(max_examples=20, deadline=None)
@given(
    factor=st.floats(0.5, 12.0),
    max_hold_s=st.floats(0.01, 2.0),
    seed=st.one_of(st.none(), st.integers(0, 99)),
)
def test_nothing_is_kept_longer_than_was_asked(
    factor: float, max_hold_s: float, seed: int | None
) -> None:
    lanes = 1 if seed is None else 2
    made = spoken(0.0, factor, lanes, seed).first_audio_s("a")
    left = spoken(max_hold_s, factor, lanes, seed).first_audio_s("a")
    longest_batch_s = 0.05 * factor * (1 if seed is None else 3)
    assert made - 1e-6 <= left <= made + max_hold_s + longest_batch_s


def test_nothing_is_kept_where_that_would_not_do() -> None:
    assert spoken(0.5, 12.0).first_audio_s("a") == spoken(0.0, 12.0).first_audio_s("a")


def test_nothing_is_kept_where_there_is_no_need() -> None:
    kept = spoken(0.5, 0.5)
    assert kept.first_audio_s("a") == spoken(0.0, 0.5).first_audio_s("a")
    assert kept.finished("a").report.underruns == 0


def test_nobody_waits_for_a_whole_chunk_where_a_part_of_the_time_will_do() -> None:
    sent = [at for at, event in spoken(0.0, 1.2).events if isinstance(event, AudioReady)]
    kept = spoken(0.5, 1.2)
    assert sent[0] < kept.first_audio_s("a") < sent[1]
    assert kept.finished("a").report.underruns == 0


def test_what_is_kept_leaves_in_one_piece_and_a_gap_is_waited_for_again() -> None:
    simulation = spoken(3.0, 3.0)
    pieces = [event for _, event in simulation.events if isinstance(event, AudioReady)]
    plain = [event for _, event in spoken(0.0, 3.0).events if isinstance(event, AudioReady)]
    assert pieces[0].pcm.size > plain[0].pcm.size
    starts = np.cumsum([0, *(piece.pcm.size for piece in pieces[:-1])])
    assert [piece.start_sample for piece in pieces] == starts.tolist()


def test_a_listener_that_waits_itself_is_kept_nothing_from() -> None:
    def first_audio_s(max_hold_s: float) -> float:
        simulation = Simulation()
        pacing = Pacing(max_hold_s=max_hold_s, honours_start_hint=True)
        simulation.submit(replace(speech(0.0), pacing=pacing))
        simulation.run()
        return simulation.first_audio_s("a")

    assert first_audio_s(5.0) == first_audio_s(0.0)


def test_what_is_kept_of_an_aborted_utterance_never_leaves() -> None:
    sent_at_s = spoken(0.0, 4.0).first_audio_s("a")
    simulation = Simulation(
        script=FakeScript(
            costs=tuple((n, Cost(c.batch_s * 4, c.row_s * 4)) for n, c in SPEECH_COSTS)
        )
    )
    simulation.submit(speech(1000.0))
    simulation.at(sent_at_s + 0.01, lambda: simulation.abort("a"))
    simulation.run()
    assert not [event for _, event in simulation.events if isinstance(event, AudioReady)]


def test_in_a_crowd_fewer_run_dry() -> None:
    def underruns(max_hold_s: float) -> int:
        draws = random.Random(3)
        simulation = Simulation(slots=8, lanes=2, jitter=random.Random(5))
        moment_s = simulation.now_s
        for number in range(24):
            moment_s += draws.expovariate(1.2)
            one = speech(max_hold_s, f"caller {number}", draws.randint(4, 16))
            simulation.at(moment_s, lambda one=one: simulation.submit(one))  # type: ignore[misc]
        simulation.run()
        return sum(simulation.finished(f"caller {number}").report.underruns for number in range(24))

    assert underruns(0.5) < underruns(0.0)


@pytest.mark.parametrize("max_hold_s", [-0.1, float("nan"), float("inf")])
def test_a_time_that_is_none_is_refused(max_hold_s: float) -> None:
    with pytest.raises(OptionError, match="max_hold_s"):
        Pacing(max_hold_s=max_hold_s)


def test_who_is_not_alone_is_kept_from_for_the_first_chunks_at_least() -> None:
    """Three at once are too many for ever, which is no reason to let them begin with a gap."""

    def underruns_early(max_hold_s: float) -> int:
        costs = tuple((n, Cost(c.batch_s * 2, c.row_s * 2)) for n, c in SPEECH_COSTS)
        simulation = Simulation(slots=4, lanes=2, script=FakeScript(costs=costs))
        for name in "abc":
            simulation.submit(speech(max_hold_s, name, 16))
        simulation.run()
        early = 0
        for name in "abc":
            pieces = [(at, e) for at, e in simulation.events if isinstance(e, AudioReady)]
            mine = [(at, e) for at, e in pieces if e.utterance_id == name]
            started_s, held_s = mine[0][0], 0.0
            for at_s, piece in mine[:3]:
                early += at_s > started_s + held_s + 1e-6
                held_s += piece.pcm.size / CONFIG.sample_rate_hz
        return early

    assert underruns_early(0.5) < underruns_early(0.0)

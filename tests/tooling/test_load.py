"""The load generator: what it counts, and that it runs. Its figures here mean nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from barkstream_client import ErrorInfo, InvalidRequestError, ServerFullError, UnavailableError
from bench.arrivals import Behaviour, plan_callers
from bench.call_records import CallerRecord, Refusal, RunRecord, TurnRecord
from bench.listening import Level, levels, mean_listeners, sustained_listeners
from bench.load_figures import figures_of
from bench.load_report import ratios
from bench.load_server import ServerSettings
from bench.playback_clock import FIRST_AUDIO_TARGET_S, PlaybackClock, Underrun
from bench.spoken_turn import is_refusal
from bench.spread import jain_index, percentile
from tests.support.bench_process import PATIENCE_S, run_bench

BUSY = pytest.mark.timeout(PATIENCE_S + 60)


def clock_after(*heard: tuple[float, float]) -> PlaybackClock:
    """Text at 0, then audio."""
    clock = PlaybackClock()
    clock.give_text(0.0)
    for at_s, length_s in heard:
        clock.hear(at_s, length_s)
    return clock


def test_audio_in_time_is_no_underrun() -> None:
    clock = clock_after((0.5, 1.0), (1.0, 0.5), (2.0, 1.0))
    assert clock.underruns == []
    assert clock.waits_s == [0.5]
    assert clock.runs_out_s == 3.0
    assert clock.delivered_s == 2.5


def test_late_audio_is_an_underrun_from_the_dry_moment() -> None:
    clock = clock_after((0.5, 1.0), (1.75, 1.0), (3.0, 1.0))
    assert clock.underruns == [Underrun(1.5, 0.25), Underrun(2.75, 0.25)]
    assert clock.runs_out_s == 4.0
    assert clock.waits_s == [0.5]


def test_played_stands_still_in_silence() -> None:
    clock = clock_after((0.5, 1.0))
    assert clock.played_s(1.0) == 0.5
    assert clock.played_s(9.0) == 1.0
    clock.hear(10.0, 1.0)
    assert clock.played_s(10.5) == 1.5


def test_silence_of_a_caller_without_text_is_its_own() -> None:
    clock = clock_after((0.5, 1.0))
    clock.settle()
    assert clock.silence_s(5.0) == 0.0
    clock.give_text(5.0)
    assert clock.silence_s(5.25) == 0.25
    clock.hear(5.25, 1.0)
    assert clock.underruns == []
    assert clock.waits_s == [0.5, 0.25]


def test_text_in_good_time_must_be_heard_without_a_gap() -> None:
    clock = clock_after((0.0, 2.0))
    clock.settle()
    clock.give_text(2.0 - 2 * FIRST_AUDIO_TARGET_S)
    clock.hear(2.5, 1.0)
    assert clock.underruns == [Underrun(2.0, 0.5)]


def test_text_at_the_last_moment_only_waits() -> None:
    clock = clock_after((0.0, 2.0))
    clock.settle()
    clock.give_text(2.0 - FIRST_AUDIO_TARGET_S / 2)
    clock.hear(2.5, 1.0)
    assert clock.underruns == []
    assert clock.waits_s == [pytest.approx(0.5 + FIRST_AUDIO_TARGET_S / 2)]
    clock.hear(4.0, 1.0)  # From here on it is being heard.
    assert clock.underruns == [Underrun(3.5, 0.5)]


def test_more_text_while_speech_is_owed_changes_nothing() -> None:
    clock = clock_after((0.0, 1.0))
    clock.give_text(1.5)
    clock.hear(2.0, 1.0)
    assert clock.underruns == [Underrun(1.0, 1.0)]


def test_hanging_up() -> None:
    assert clock_after().hang_up(3.0) == 3.0
    dry = clock_after((0.5, 1.0))
    assert dry.hang_up(2.0) is None
    assert dry.underruns == [Underrun(1.5, 0.5)]
    content = clock_after((0.5, 1.0))
    assert content.hang_up(1.0) is None
    assert content.underruns == []


def test_audio_without_length_is_nothing() -> None:
    assert clock_after((0.5, 0.0)).start_s is None


@pytest.mark.parametrize(("percent", "value"), [(50, 5.0), (90, 9.0), (95, 10.0), (0, 1.0)])
def test_percentiles_are_values_that_happened(percent: float, value: float) -> None:
    assert percentile([float(n) for n in range(10, 0, -1)], percent) == value


def test_percentile_of_nothing() -> None:
    assert percentile([], 50) is None


def test_jain_index() -> None:
    assert jain_index([3.0, 3.0, 3.0]) == pytest.approx(1)
    assert jain_index([1.0, 0.0, 0.0, 0.0]) == pytest.approx(1 / 4)
    assert jain_index([1.0, 3.0]) == pytest.approx(16 / 20)
    assert jain_index([0.0, 0.0]) == 1
    assert jain_index([]) is None


def test_the_seed_decides_who_calls() -> None:
    behaviour = Behaviour(rate_per_s=2.0)
    assert plan_callers(behaviour, 30, seed=1) == plan_callers(behaviour, 30, seed=1)
    assert plan_callers(behaviour, 30, seed=1) != plan_callers(behaviour, 30, seed=2)


def test_callers_are_the_same_whatever_the_rate() -> None:
    slowly = plan_callers(Behaviour(rate_per_s=1.0), 30, seed=1)
    quickly = plan_callers(Behaviour(rate_per_s=3.0), 30, seed=1)
    assert [plan.turns for plan in slowly] == [plan.turns for plan in quickly[: len(slowly)]]


def test_plans_keep_to_the_behaviour() -> None:
    behaviour = Behaviour(rate_per_s=5.0)
    plans = plan_callers(behaviour, 200, seed=1)
    arrivals_s = [plan.arrival_s for plan in plans]
    assert arrivals_s == sorted(arrivals_s)
    assert arrivals_s[-1] < 200
    assert len(plans) == pytest.approx(1000, rel=0.15)
    turns = [turn for plan in plans for turn in plan.turns]
    assert {len(plan.turns) for plan in plans} == {1, 2, 3, 4}
    interrupted = [turn for turn in turns if turn.barge_in_s is not None]
    assert len(interrupted) / len(turns) == pytest.approx(behaviour.barge_in_share, rel=0.15)
    slow = [plan for plan in plans if plan.slow]
    assert len(slow) / len(plans) == pytest.approx(behaviour.slow_share, rel=0.5)
    assert all(len(turn.gaps_s) == len(turn.parts) - 1 for turn in turns)
    assert any(turn.gaps_s for turn in turns)


def test_too_many_callers_are_refused() -> None:
    with pytest.raises(ValueError, match="--rate"):
        plan_callers(Behaviour(rate_per_s=100.0), 3600, seed=1)


def test_levels() -> None:
    over_time = levels([(0.0, 4.0), (1.0, 2.0), (2.0, 3.0), (6.0, 7.0), (7.0, 7.0)])
    assert over_time == [
        Level(0, 1, 1),
        Level(1, 2, 2),
        Level(2, 3, 2),
        Level(3, 4, 1),
        Level(6, 7, 1),
    ]
    assert mean_listeners(over_time, 10.0) == pytest.approx(0.7)
    assert mean_listeners(over_time, 2.0) == pytest.approx(1.5)


def test_sustained_listeners() -> None:
    over_time = [Level(0, 2, 1), Level(2, 4, 2), Level(4, 6, 3), Level(6, 6.1, 4)]
    assert sustained_listeners(over_time, []) == 3  # Four did not last.
    assert sustained_listeners(over_time, [5.0]) == 2
    assert sustained_listeners(over_time, [5.0, 3.0]) == 1
    assert sustained_listeners(over_time, [1.0]) == 0
    assert sustained_listeners([], []) == 0


def a_run() -> RunRecord:
    """Three ordinary callers: one content, one stuttering, one refused; and a slow reader."""
    content = TurnRecord(clock_after((0.2, 2.0)))
    content.clock.settle()
    content.leave(2.2, "heard")
    stuttering = TurnRecord(clock_after((0.4, 1.0), (2.4, 1.0)))
    stuttering.cancel_ack_s = 0.01
    stuttering.leave(3.0, "barged_in")
    callers = [
        CallerRecord(0, slow=False, turns=[content], deliveries=[(0.2, 2.0)]),
        CallerRecord(1, slow=False, turns=[stuttering], deliveries=[(0.4, 1.0), (2.4, 1.0)]),
        CallerRecord(2, slow=False, turns=[TurnRecord()], refusal=Refusal(0.02, 1.5)),
        CallerRecord(3, slow=True, deliveries=[(1.0, 2.0), (11.0, 5.0)]),
    ]
    return RunRecord(10.0, callers, lags_s=[0.001])


def test_figures_of_a_run() -> None:
    figures = figures_of(a_run())
    assert (figures.callers, figures.admitted, figures.turned_away) == (4, 3, 1)
    assert figures.slow_readers == 1
    assert (figures.turns_heard, figures.turns_barged_in, figures.turns_cut) == (1, 1, 1)
    assert figures.audio_s_per_s == pytest.approx(0.6)  # What came after the window does not count.
    assert figures.underruns == 1
    assert figures.underrun_s == pytest.approx(1.0)
    assert figures.callers_with_underruns_share == 0.5
    assert (figures.first_audio_p50_s, figures.first_audio_p95_s) == (0.2, 0.4)
    assert (figures.cancels, figures.cancel_ack_p99_s) == (1, 0.01)
    assert (figures.refusal_p50_s, figures.refusals_with_retry_share) == (0.02, 1.0)
    assert (figures.listening_peak, figures.listening_sustained) == (2, 1)
    assert figures.fairness_delivery == pytest.approx(jain_index([2 / 2.2, 2 / 3.4]))


def test_a_first_audio_that_never_came_counts() -> None:
    given_up = TurnRecord(clock_after())
    given_up.leave(9.0, "gave_up")
    given_up.leave(12.0, "cut")
    figures = figures_of(RunRecord(10.0, [CallerRecord(0, slow=False, turns=[given_up])]))
    assert (figures.turns_given_up, figures.turns_cut) == (1, 0)
    assert (figures.first_audio_in_vain, figures.first_audio_p50_s) == (1, 9.0)


def test_who_is_refused_did_not_wait_in_vain() -> None:
    refused = TurnRecord(clock_after())
    refused.leave(0.01, "refused")
    assert refused.in_vain_s is None


def test_a_lost_connection_is_no_refusal() -> None:
    assert is_refusal(ServerFullError("", info=ErrorInfo("ENGINE_FULL")))
    assert is_refusal(UnavailableError("", info=ErrorInfo("DRAINING")))
    assert not is_refusal(UnavailableError("connection reset"))
    assert not is_refusal(InvalidRequestError("", info=ErrorInfo("EMPTY_TEXT")))


def test_ratios_say_how_many_times_better() -> None:
    one = replace(figures_of(a_run()), first_audio_p95_s=1.2, turned_away=0)
    many = replace(one, audio_s_per_s=one.audio_s_per_s * 3, first_audio_p95_s=0.4)
    compared = ratios([many, many], [one, one])
    assert compared["audio_s_per_s"] == pytest.approx(3)
    assert compared["first_audio_p95_s"] == pytest.approx(3)
    assert compared["turned_away"] is None


def test_the_server_gets_only_what_was_said() -> None:
    words = ServerSettings(checkpoint="noise", backend="torch", slots=2).arguments()
    assert words[words.index("--slots") + 1] == "2"
    assert "--max-waiting" not in words
    assert "127.0.0.1:0" in words


@BUSY
@pytest.mark.slow
def test_load(tmp_path: Path) -> None:
    out = tmp_path / "load.json"
    arguments = ("--checkpoint", "noise", "--rate", "1", "--seconds", "4", "--drain-s", "30")
    more = ("--slots", "3", "--compare-one-at-a-time", "--output", str(out))
    done = run_bench("bench.load", *arguments, *more)
    result = json.loads(out.read_text())
    assert "noise" in result["model"]
    assert set(result["runs"]) == {"3 slots", "one at a time"}
    for (figures,) in result["runs"].values():
        assert figures["callers"] == figures["admitted"] > 0
        assert figures["failed"] == figures["turns_broken"] == 0
        assert figures["audio_s_per_s"] > 0
        assert figures["turns_heard"] + figures["turns_barged_in"] > 0
    assert "| 3 slots | one at a time |" in done.stdout
    assert "times better" in done.stdout
    assert "plot" in done.stderr


@BUSY
@pytest.mark.slow
def test_throughput(tmp_path: Path) -> None:
    out = tmp_path / "throughput.json"
    arguments = ("--checkpoint", "noise", "--at-once", "1", "2", "--rounds", "2")
    done = run_bench("bench.throughput", *arguments, "--output", str(out))
    runs = json.loads(out.read_text())["audio_s_per_s"]
    assert set(runs) == {"1", "2"}
    assert all(len(values) == 2 and min(values) > 0 for values in runs.values())
    assert "| 1 |" in done.stdout

"""Whose turn it is, in pretended time."""

import numpy as np
import pytest

from bark_core.backends.base import BackendLimits
from bark_core.backends.fake import Cost, FakeScript
from bark_core.engine.events import (
    AudioReady,
    UtteranceAborted,
    UtteranceFinished,
    UtteranceProgress,
    UtteranceStarted,
)
from bark_core.engine.request import Pacing, UtteranceRequest
from bark_core.errors import DeadlineError
from bark_core.options import LowLatencyWindows
from tests.support.requests import random_voice, request
from tests.support.simulation import CONFIG, SPEECH_COSTS, Simulation

LIVE = Pacing(max_lead_s=1.0, first_audio_target_s=1.0)


def test_an_idle_engine_waits_for_ever() -> None:
    simulation = Simulation()
    simulation.run()
    assert simulation.waits == [float("inf")]
    assert not simulation.executed


def test_one_utterance_and_its_report() -> None:
    simulation = Simulation()
    simulation.submit(request(text_ids=6))
    simulation.run()
    report = simulation.finished("a").report
    assert report.semantic_tokens == 72
    assert report.samples == report.frames * 320 == simulation.pcm("a").size
    assert isinstance(simulation.of("a")[0], UtteranceStarted)
    assert report.first_audio_s == pytest.approx(simulation.first_audio_s("a") - 100.0)
    assert report.total_s == pytest.approx(simulation.now_s - 100.0)
    assert report.stages.semantic_prefill_s == pytest.approx(0.015)
    assert report.stages.semantic_s == pytest.approx(72 * 0.0012)
    assert report.stages.codec_s > 0
    seconds = sum(getattr(report.stages, f) for f in report.stages.__dataclass_fields__)
    assert seconds == pytest.approx(report.total_s)
    # All is over: the engine forgets it and waits.
    assert simulation.waits[-1] == float("inf")


def test_steps_of_several_utterances_share_batches() -> None:
    simulation = Simulation()
    for name in "abcd":
        simulation.submit(request(name, text_ids=10))
    simulation.run()
    assert max(simulation.widths("CoarseStep")) == 4
    assert np.mean(simulation.widths("CoarseStep")) > 3
    assert np.mean(simulation.widths("SemanticStep")) > 3


def test_width_limits_hold() -> None:
    simulation = Simulation(limits=BackendLimits(4, 2, 1, 1, 1))
    for name in "abcd":
        simulation.submit(request(name, text_ids=5))
    simulation.run()
    assert max(simulation.widths("CoarseStep")) == 2
    assert {1} == set(simulation.widths("CoarsePrefill")) == set(simulation.widths("FinePass"))
    for name in "abcd":
        simulation.finished(name)


def test_first_audio_of_a_newcomer_comes_before_more_lead_for_others() -> None:
    simulation = Simulation()
    unhurried = Pacing(max_lead_s=None)
    simulation.submit(request("file", text_ids=40, pacing=unhurried))
    simulation.at(102.0, lambda: simulation.submit(request("caller", text_ids=10, pacing=LIVE)))
    simulation.run()
    assert simulation.first_audio_s("caller") - 102.0 < 0.8
    assert simulation.underruns_s("file") == 0


def test_playing_streams_come_before_first_audio_that_can_wait() -> None:
    """Two playing callers with little lead are fed while a newcomer still has time."""
    simulation = Simulation()
    for name in "ab":
        simulation.submit(request(name, text_ids=30, pacing=LIVE))
    simulation.at(101.5, lambda: simulation.submit(request("new", text_ids=30, pacing=LIVE)))
    simulation.run()
    for name in ("a", "b", "new"):
        assert simulation.underruns_s(name) == pytest.approx(0, abs=0.05)


def test_nobody_runs_further_ahead_than_its_lead() -> None:
    simulation = Simulation()
    simulation.submit(request(text_ids=40, pacing=Pacing(max_lead_s=0.5)))
    simulation.run()
    delivered, first = 0.0, None
    longest = max(LowLatencyWindows().ramp_frames) / 75
    for at, event in simulation.events:
        if isinstance(event, AudioReady):
            delivered += event.pcm.size / 24_000
            first = at if first is None else first
            assert delivered - (at - first) <= 0.5 + longest + 1e-6
    assert simulation.underruns_s("a") == 0
    # It slept in between, without turning idly.
    idle = [wait for wait in simulation.waits[:-1] if wait > 0]
    assert 5 < len(idle) < 40
    assert simulation.finished("a").report.total_s > 0.9 * delivered


def test_a_paused_listener_costs_nothing() -> None:
    simulation = Simulation()
    simulation.submit(request(text_ids=40, pacing=LIVE))
    simulation.run(until_s=102.0)
    for moment in (102.0, 102.3, 102.6):
        simulation.run(until_s=moment)
        simulation.report("a", 0.5)
    before = len(simulation.executed)
    simulation.run()
    assert len(simulation.executed) == before
    simulation.now_s += 3600
    simulation.report("a", 1.0)
    simulation.run()
    simulation.finished("a")


def test_slots_are_given_in_the_order_of_submission() -> None:
    simulation = Simulation(slots=1)
    for name in "abc":
        simulation.submit(request(name, text_ids=3))
    simulation.run()
    started = [e.utterance_id for _, e in simulation.events if isinstance(e, UtteranceStarted)]
    assert started == ["a", "b", "c"]
    queued = [simulation.finished(name).report.queued_s for name in "abc"]
    assert queued[0] == 0
    assert 0 < queued[1] < queued[2]


def sentences(count: int, **fields) -> list[UtteranceRequest]:  # type: ignore[no-untyped-def] # noqa: ANN003
    return [
        request(f"{fields.get('stream_id', 's')}{i}", index=i, **{"stream_id": "s", **fields})
        for i in range(count)
    ]


def test_the_next_sentence_is_made_ahead_but_heard_in_order() -> None:
    simulation = Simulation()
    for sentence in sentences(3, text_ids=15):
        simulation.submit(sentence)
    simulation.run()
    heard = [e.utterance_id for _, e in simulation.events if isinstance(e, AudioReady)]
    assert heard == sorted(heard)
    assert max(simulation.widths("SemanticStep")) > 1
    for i in range(3):
        simulation.finished(f"s{i}")


def test_a_sentence_that_came_to_nothing_does_not_hold_up_the_next() -> None:
    simulation = Simulation(script=FakeScript(lengths=(0, 0, 20, 0), costs=SPEECH_COSTS))
    for sentence in sentences(4):
        simulation.submit(sentence)
    simulation.run()
    assert [simulation.finished(f"s{i}").report.samples > 0 for i in range(4)] == [
        False, False, True, False,
    ]  # fmt: skip


def test_somebody_who_waits_takes_the_slot_of_a_sentence_made_ahead() -> None:
    simulation = Simulation(slots=2)
    script = sentences(2, text_ids=30)
    for sentence in script:
        simulation.submit(sentence)
    simulation.at(100.3, lambda: simulation.submit(request("new", text_ids=5, pacing=LIVE)))
    simulation.run()
    assert simulation.finished("new").report.queued_s < 0.1
    alone = Simulation(slots=2)
    for sentence in script:
        alone.submit(sentence)
    alone.run()
    for name in ("s0", "s1"):
        assert simulation.pcm(name).tobytes() == alone.pcm(name).tobytes()
    starts = [e for e in simulation.of("s1") if isinstance(e, UtteranceStarted)]
    assert len(starts) == 1


def test_sentences_made_ahead_do_not_ride_when_time_is_short() -> None:
    """The leader has less than the slack left: only those somebody waits for are in the batch."""
    simulation = Simulation()
    hurried = Pacing(max_lead_s=1.0, first_audio_target_s=0.1)
    for sentence in sentences(2, text_ids=10, pacing=hurried):
        simulation.submit(sentence)
    simulation.run(until_s=100.2)
    assert set(simulation.widths("SemanticStep")) == {1}


def slow_costs(row_part: float) -> tuple[tuple[str, Cost], ...]:
    """A machine slower than its listener; of a batch of one, this part is the row's."""
    steps = Cost(0.01 * (1 - row_part), 0.01 * row_part)
    return tuple((name, steps if name.endswith("Step") else cost) for name, cost in SPEECH_COSTS)


def speak_six(slots: int, row_part: float = 0.1) -> Simulation:
    """A text of six sentences, all of them in the engine."""
    script = FakeScript(costs=slow_costs(row_part), tokens_per_text_id=19)
    simulation = Simulation(slots=slots, script=script)
    for sentence in sentences(6, text_ids=8, pacing=Pacing(max_lead_s=None)):
        simulation.submit(sentence)
    simulation.run()
    return simulation


def test_a_slow_machine_makes_the_sentences_of_its_only_listener_together() -> None:
    together, one_by_one = speak_six(6), speak_six(1)
    assert one_by_one.now_s - 100.0 > 1.5 * 6 * 2, "slower than real time"
    assert np.mean(together.widths("CoarseStep")) > 2
    assert together.now_s - 100.0 < 0.6 * (one_by_one.now_s - 100.0)
    assert together.first_audio_s("s0") - one_by_one.first_audio_s("s0") < 0.1
    for number in range(6):
        name = f"s{number}"
        assert together.pcm(name).tobytes() == one_by_one.pcm(name).tobytes()


def test_not_where_every_row_costs_the_same() -> None:
    """Whoever is heard would only be later for it."""
    linear, cheap = speak_six(6, row_part=1.0), speak_six(6)
    wide = [np.mean(np.array(one.widths("CoarseStep")) > 3) for one in (linear, cheap)]
    assert wide[0] < 0.1 < wide[1]


def test_a_quick_machine_makes_no_more_than_the_next_sentence_ahead() -> None:
    simulation = Simulation(slots=6)
    for sentence in sentences(6, text_ids=8, pacing=LIVE):
        simulation.submit(sentence)
    simulation.run()
    begun = [e.utterance_id for _, e in simulation.events if isinstance(e, UtteranceStarted)]
    ended = [e.utterance_id for _, e in simulation.events if isinstance(e, UtteranceFinished)]
    assert begun == ended == [f"s{number}" for number in range(6)]
    order = [e for _, e in simulation.events if isinstance(e, UtteranceStarted | UtteranceFinished)]
    live = 0
    for event in order:
        live += 1 if isinstance(event, UtteranceStarted) else -1
        assert live <= 2


def test_carrying_on_uses_the_last_utterance_as_history() -> None:
    simulation = Simulation(script=FakeScript(lengths=(40, 40)))
    voice = random_voice(CONFIG, 158, 237)
    first = request("first", stream_id="s", voice=voice, keep_tokens=True)
    second = request("second", stream_id="s", index=1, voice=voice, carry_on=True)
    simulation.submit(first)
    simulation.submit(second)
    simulation.run()
    tokens = simulation.finished("first").tokens
    by_hand = Simulation(script=FakeScript(lengths=(40, 40)))
    by_hand.submit(request("second", index=1, voice=tokens))
    by_hand.run()
    assert simulation.pcm("second").tobytes() == by_hand.pcm("second").tobytes()
    kinds = [batch.kind for batch in simulation.executed]
    assert kinds.count("SemanticPrefill") == 2
    assert kinds.index("CodecDecode") < len(kinds) - 1 - kinds[::-1].index("SemanticPrefill")


def test_carrying_on_from_nothing_is_the_voice() -> None:
    simulation = Simulation(script=FakeScript(lengths=(0, 40)))
    voice = random_voice(CONFIG, 158, 237)
    simulation.submit(request("first", stream_id="s", voice=voice))
    simulation.submit(request("second", stream_id="s", index=1, voice=voice, carry_on=True))
    simulation.submit(request("same", index=1, voice=voice))
    simulation.run()
    assert simulation.pcm("second").tobytes() == simulation.pcm("same").tobytes()


def test_abort_takes_effect_before_the_next_batch() -> None:
    simulation = Simulation(slots=1)
    simulation.submit(request("a", text_ids=40))
    simulation.submit(request("b", text_ids=3))
    simulation.run(until_s=101.0)
    batches = len(simulation.executed)
    simulation.abort("a", "nobody")
    simulation.run()
    assert isinstance(simulation.end("a"), UtteranceAborted)
    assert simulation.executed[batches].kind == "SemanticPrefill"  # already the other one
    simulation.finished("b")
    simulation.abort("a", "b")  # long gone
    simulation.run()
    simulation.end("a")


def test_abort_of_one_who_waits() -> None:
    simulation = Simulation(slots=1)
    simulation.submit(request("a", text_ids=5))
    simulation.submit(request("b", text_ids=5))
    simulation.abort("b")
    simulation.run()
    assert [type(e) for e in simulation.of("b")] == [UtteranceAborted]


@pytest.mark.parametrize("slots", [1, 2])
def test_a_deadline_ends_what_runs_and_what_waits(slots: int) -> None:
    simulation = Simulation(slots=slots)
    simulation.submit(request("a", text_ids=40))
    simulation.submit(request("b", text_ids=40, deadline_s=100.5))
    simulation.run()
    error = simulation.failed("b").error
    assert isinstance(error, DeadlineError)
    assert 100.5 <= next(t for t, e in simulation.events if e is simulation.end("b")) < 100.6
    simulation.finished("a")


def test_a_deadline_ends_a_stream_that_sleeps() -> None:
    simulation = Simulation()
    simulation.submit(request("a", text_ids=40, pacing=LIVE, deadline_s=102.5))
    simulation.run()
    assert isinstance(simulation.failed("a").error, DeadlineError)
    assert simulation.now_s == pytest.approx(102.5, abs=0.1)


def test_a_deadline_that_has_passed_costs_no_batch() -> None:
    simulation = Simulation()
    simulation.submit(request("a", deadline_s=99.0))
    simulation.run()
    assert isinstance(simulation.failed("a").error, DeadlineError)
    assert not simulation.executed


def test_progress_is_rate_limited_and_grows() -> None:
    simulation = Simulation(progress_interval_s=0.25)
    simulation.submit(request(text_ids=30))
    simulation.run()
    progress = [(t, e) for t, e in simulation.events if isinstance(e, UtteranceProgress)]
    times = [t for t, _ in progress]
    assert len(times) > 5
    assert min(np.diff(times)) >= 0.25
    counts = [(e.semantic_tokens, e.coarse_frames, e.fine_frames) for _, e in progress]
    assert counts == sorted(counts)
    known = [e.expected_samples for _, e in progress if e.semantic_done]
    assert set(known) == {simulation.pcm("a").size}
    assert {e.expected_samples for _, e in progress if not e.semantic_done} == {None}


def test_the_clock_of_a_stream_goes_on_between_its_utterances() -> None:
    """The second one is due when the listener runs dry, not a target after its arrival."""
    simulation = Simulation()
    simulation.submit(request("s0", stream_id="s", text_ids=6, pacing=LIVE))
    simulation.submit(request("other", text_ids=40, pacing=Pacing(None)))
    simulation.run(until_s=101.0)
    simulation.submit(request("s1", stream_id="s", index=1, text_ids=6, pacing=LIVE))
    simulation.run()
    heard = [(t, e) for t, e in simulation.events if isinstance(e, AudioReady)]
    stream = [(t, e.pcm.size / 24_000) for t, e in heard if e.utterance_id != "other"]
    dry = stream[0][0]
    for at, seconds in stream:
        assert at <= dry + 1e-6
        dry += seconds


def test_a_pause_between_turns_makes_the_next_one_a_newcomer() -> None:
    simulation = Simulation()
    simulation.submit(request("s0", stream_id="s", text_ids=4, pacing=LIVE))
    simulation.run()
    simulation.now_s += 10
    playing = request("playing", text_ids=30, pacing=LIVE)
    simulation.submit(playing)
    simulation.run(until_s=simulation.now_s + 1.2)
    start = simulation.now_s
    simulation.submit(request("s1", stream_id="s", index=1, text_ids=4, pacing=LIVE))
    simulation.run()
    assert simulation.first_audio_s("s1") - start < 1.0
    assert simulation.underruns_s("playing") == 0


def test_a_line_does_not_keep_a_sleeping_engine_awake() -> None:
    """Somebody waits for the only slot while its holder is far ahead of its listener."""
    simulation = Simulation(slots=1)
    simulation.submit(request("holder", text_ids=10, pacing=Pacing(0.3)))
    simulation.run(until_s=101.0)
    simulation.submit(request("next", text_ids=4))
    simulation.run(max_turns=5_000)
    simulation.finished("holder")
    simulation.finished("next")


def test_prefills_of_one_row_do_not_keep_callers_out_of_each_others_batches() -> None:
    simulation = Simulation(slots=8, limits=BackendLimits(8, 8, 1, 1, 1))
    for i in range(4):
        voice = random_voice(CONFIG, 346, 520)
        pacing = Pacing(max_lead_s=1.5, first_audio_target_s=1.0)
        simulation.submit(request(f"c{i}", text_ids=20, voice=voice, pacing=pacing))
    simulation.run()
    assert {1} == set(simulation.widths("CoarsePrefill"))
    assert np.mean(simulation.widths("SemanticStep")) > 2
    assert np.mean(simulation.widths("CoarseStep")) > 2
    # All begin at once, which places by measured cost would not let them.
    assert max(simulation.underruns_s(f"c{i}") for i in range(4)) < 0.3

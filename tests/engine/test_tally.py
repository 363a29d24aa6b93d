"""What the engine counts for its operator, and what an utterance's report says of its stages."""

from __future__ import annotations

from collections import Counter

import pytest

from bark_core.backends.fake import FakeScript
from bark_core.backends.fake.script import Cost
from bark_core.engine.events import UtteranceAborted
from bark_core.engine.request import Pacing
from bark_core.engine.tally import (
    BATCH_BOUNDS_S,
    LEAD_BOUNDS_S,
    ROW_BOUNDS,
    WAIT_BOUNDS_S,
    Distribution,
    Tally,
    TallyKeeper,
    WorkTally,
)
from bark_core.engine.work import Work
from tests.support.requests import request
from tests.support.simulation import SPEECH_COSTS, Simulation


class Counted(Simulation):
    """Adds up what the reports bring."""

    def counted(self) -> Tally:
        return self.total + self.loop._scheduler.tally.take()

    def __post_init__(self) -> None:
        super().__post_init__()
        self.total = Tally()
        turn = self.loop.turn

        def counting():  # type: ignore[no-untyped-def]
            done = turn()
            if done.report is not None:
                self.total += done.report.tally
            return done

        self.loop.turn = counting  # type: ignore[method-assign]


def test_values_fall_into_their_buckets() -> None:
    keeper = TallyKeeper()
    for rows, seconds in ((1, 0.001), (2, 0.0015), (5, 100.0)):
        keeper.batch(Work.FINE, rows, seconds)
    taken = keeper.take()
    assert set(taken.batches) == {Work.FINE}
    fine = taken.batches[Work.FINE]
    assert dict(zip((*ROW_BOUNDS, "more"), fine.rows.counts, strict=True)) == {
        **dict.fromkeys((*ROW_BOUNDS, "more"), 0),
        1.0: 1,
        2.0: 1,
        6.0: 1,
    }
    assert fine.seconds.counts[:2] == (1, 1)
    assert fine.seconds.counts[-1] == 1
    assert fine.rows.total == 8
    assert fine.seconds.total == pytest.approx(100.0025)
    assert keeper.take() == Tally(), "what was taken is not counted again"


def test_tallies_add_up() -> None:
    one = Tally({Work.FINE: WorkTally(Distribution((1, 0), 2.0))}, waits=Distribution((1,), 0.5))
    other = Tally({Work.FINE: WorkTally(Distribution((1, 3), 4.0)), Work.CODEC: WorkTally()})
    both = one + other
    assert both.batches[Work.FINE].rows == Distribution((2, 3), 6.0)
    assert set(both.batches) == {Work.FINE, Work.CODEC}
    assert both.waits == Distribution((1,), 0.5)
    assert Tally() + one == one


def test_every_batch_is_counted_with_its_rows_and_its_time() -> None:
    simulation = Counted()
    for name in "ab":
        simulation.submit(request(name, stream_id=name, text_ids=20))
    simulation.run()
    tally = simulation.counted()
    kinds = {
        Work.SEMANTIC_PREFILL: "SemanticPrefill",
        Work.SEMANTIC_STEP: "SemanticStep",
        Work.COARSE_PREFILL: "CoarsePrefill",
        Work.COARSE_STEP: "CoarseStep",
        Work.FINE: "FinePass",
        Work.CODEC: "CodecDecode",
    }
    for work, kind in kinds.items():
        widths = Counter(simulation.widths(kind))
        rows = tally.batches[work].rows
        assert {1: rows.counts[0], 2: rows.counts[1]} == {1: widths[1], 2: widths[2]}
        assert rows.total == sum(width * times for width, times in widths.items())
        assert len(tally.batches[work].seconds.counts) == len(BATCH_BOUNDS_S) + 1
        assert tally.batches[work].seconds.count == rows.count
    busy_s = sum(kind.seconds.total for kind in tally.batches.values())
    assert busy_s == pytest.approx(simulation.now_s - 100.0), "the clock moved in batches only"


def test_waits_are_those_of_the_seated_and_of_those_who_gave_up() -> None:
    simulation = Counted(slots=1)
    simulation.submit(request("a", stream_id="a", text_ids=10))
    simulation.submit(request("b", stream_id="b", text_ids=10))
    simulation.submit(request("c", stream_id="c", text_ids=10))
    simulation.at(100.2, lambda: simulation.abort("c"))
    simulation.run()
    waits = simulation.counted().waits
    assert waits.count == 3
    assert len(waits.counts) == len(WAIT_BOUNDS_S) + 1
    assert waits.counts[0] == 1, "the first was seated at once"
    given_up = simulation.end("c")
    assert isinstance(given_up, UtteranceAborted)
    assert given_up.report is not None
    assert given_up.report.total_s == given_up.report.queued_s >= 0.2
    assert given_up.report.work == ()
    second = simulation.finished("b").report
    assert waits.total == pytest.approx(second.queued_s + given_up.report.queued_s)


def test_leads_tell_how_near_the_listener_was_to_running_dry() -> None:
    slow = (*SPEECH_COSTS[:3], ("CoarseStep", Cost(0.02, 0.0)), *SPEECH_COSTS[4:])
    dry = Counted(script=FakeScript(costs=slow))
    dry.submit(request(text_ids=40))
    dry.run()
    leads = dry.counted().leads
    assert len(leads.counts) == len(LEAD_BOUNDS_S) + 1
    assert leads.counts[0] == dry.finished("a").report.underruns > 1
    ahead = Counted()
    ahead.submit(request(text_ids=40))
    ahead.run()
    assert ahead.counted().leads.counts[0] == 0
    assert ahead.counted().leads.count > 1


def test_the_least_lead_is_that_of_the_listener_who_runs_dry_first() -> None:
    simulation = Simulation()
    scheduler = simulation.loop._scheduler
    assert scheduler.least_lead_s(simulation.now_s) is None
    for name, lead_s in (("a", 2.0), ("b", 0.5)):
        asked = request(name, stream_id=name, text_ids=200, pacing=Pacing(max_lead_s=lead_s))
        simulation.submit(asked)
    simulation.run(until_s=104.0)
    clocks = [utterance.stream.clock for utterance in scheduler._running]
    assert len(clocks) == 2
    least_s = scheduler.least_lead_s(simulation.now_s)
    assert least_s == min(clock.lead_s(simulation.now_s) for clock in clocks)


def test_a_report_tells_when_each_stage_was_at_work() -> None:
    simulation = Simulation()
    simulation.submit(request("a", text_ids=20))
    simulation.run()
    report = simulation.finished("a").report
    assert report.submitted_s == 100.0
    assert [stage.stage for stage in report.work] == ["semantic", "coarse", "fine", "codec"]
    semantic, coarse, fine, codec = report.work
    assert semantic.first_s < coarse.first_s < fine.first_s < codec.first_s
    assert codec.last_s == pytest.approx(report.total_s)
    assert report.first_audio_s is not None
    assert codec.first_s < report.first_audio_s
    for stage in report.work:
        assert stage.busy_s <= stage.last_s - stage.first_s + 1e-9
    busy_s = sum(stage.busy_s for stage in report.work)
    assert busy_s == pytest.approx(simulation.now_s - 100.0)
    assert semantic.batches == len(simulation.widths("SemanticPrefill")) + len(
        simulation.widths("SemanticStep")
    )
    config = simulation.config
    assert semantic.tokens == report.semantic_tokens > 0
    assert coarse.tokens == report.frames * config.coarse.n_codebooks
    assert fine.tokens == report.frames * (config.fine.n_codebooks - config.coarse.n_codebooks)
    assert codec.tokens == report.frames > 0


def test_what_was_made_of_an_aborted_utterance_is_reported() -> None:
    simulation = Simulation()
    simulation.submit(request("a", text_ids=100))
    simulation.at(100.5, lambda: simulation.abort("a"))
    simulation.run()
    end = simulation.end("a")
    assert isinstance(end, UtteranceAborted)
    assert end.report is not None
    assert end.report.semantic_tokens > 0
    assert end.report.samples == simulation.pcm("a").size
    assert end.report.total_s >= 0.5


def test_what_was_made_of_one_that_failed_is_reported() -> None:
    simulation = Simulation()
    simulation.submit(request("a", text_ids=100, deadline_s=100.5))
    simulation.run()
    report = simulation.failed("a").report
    assert report is not None
    assert report.semantic_tokens > 0
    assert report.queued_s == 0.0

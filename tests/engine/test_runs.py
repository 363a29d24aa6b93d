"""Several steps in a row are the steps that the scheduler would have asked for one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from bark_core.backends.base import Backend, Batch, FineRow, Output
from bark_core.backends.fake import Cost, Effect, FakeBackend, FakeScript, Fault
from bark_core.engine import lanes
from bark_core.engine.assignment import Assignment
from bark_core.engine.pipeline import Pipeline
from bark_core.engine.runs import MAX_STEPS, RUN_S, Draws, execute, run_length
from bark_core.engine.scheduler import Scheduler
from bark_core.engine.work import Work, answers_of, batch_of
from bark_core.errors import EngineFailureError
from tests.support.requests import request
from tests.support.simulation import CONFIG, Simulation, limits

QUICK = FakeScript(costs=(("SemanticStep", Cost(0.0002)), ("CoarseStep", Cost(0.0002))))


@pytest.fixture
def lengths(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Of the runs that an engine makes."""
    found: list[int] = []

    def counted(backend: Backend, batch: Batch, later: Sequence[Draws]) -> tuple[Output, ...]:
        found.append(1 + len(later))
        return execute(backend, batch, later)

    monkeypatch.setattr(lanes, "execute", counted)
    return found


def test_as_many_as_are_soon_done() -> None:
    assert run_length(0.0, [5]) == 1, "what a step takes is not known"
    assert run_length(RUN_S / 3, [50]) == 3
    assert run_length(RUN_S / 3, [50, 2]) == 2
    assert run_length(1e-6, [50]) == MAX_STEPS
    assert run_length(RUN_S * 3, [50]) == 1


def _stepped(pipeline: Pipeline, backend: FakeBackend, work: Work, count: int) -> None:
    for _ in range(count):
        output = backend.execute(batch_of(work, [pipeline.row(work, 0)]))
        pipeline.accept(work, answers_of(output)[0])


def _run(pipeline: Pipeline, backend: FakeBackend, work: Work, count: int) -> int:
    later = tuple((draw,) for draw in pipeline.later_draws(work, count))
    outputs = execute(backend, batch_of(work, [pipeline.row(work, 0)]), later)
    for output in outputs:
        pipeline.accept(work, answers_of(output)[0])
    return len(outputs)


def test_the_same_tokens_of_both_stages() -> None:
    asked = request(text_ids=8, seed=5)
    made = []
    for advance in (_stepped, _run):
        pipeline, backend = Pipeline(CONFIG, asked, None), FakeBackend(CONFIG, limits(1))
        _stepped(pipeline, backend, Work.SEMANTIC_PREFILL, 1)
        while Work.COARSE_PREFILL not in pipeline.ready():
            steps = min(3, pipeline.steps_ahead(Work.SEMANTIC_STEP))
            advance(pipeline, backend, Work.SEMANTIC_STEP, steps)
        _stepped(pipeline, backend, Work.COARSE_PREFILL, 1)
        while Work.FINE not in pipeline.ready():
            steps = min(7, pipeline.steps_ahead(Work.COARSE_STEP))
            advance(pipeline, backend, Work.COARSE_STEP, steps)
        window = pipeline.row(Work.FINE, 0)
        assert isinstance(window, FineRow)
        made.append((pipeline.semantic.tokens, pipeline.standing(), window.codes.tolist()))
    assert made[0] == made[1]


def test_a_run_ends_with_the_utterance() -> None:
    backend = FakeBackend(CONFIG, limits(1), FakeScript(lengths=(3,)))
    pipeline = Pipeline(CONFIG, request(), None)
    _stepped(pipeline, backend, Work.SEMANTIC_PREFILL, 1)
    assert _run(pipeline, backend, Work.SEMANTIC_STEP, 8) == 3  # two tokens and the end
    assert pipeline.semantic.ended
    assert len(pipeline.semantic.tokens) == 3


@pytest.mark.parametrize("options", [{"forced_semantic_tokens": 5}, {"max_duration_s": 0.1}])
def test_never_beyond_a_limit(options: dict[str, Any]) -> None:
    pipeline = Pipeline(CONFIG, request(text_ids=8, **options), None)
    backend = FakeBackend(CONFIG, limits(1))
    _stepped(pipeline, backend, Work.SEMANTIC_PREFILL, 1)
    while not pipeline.semantic.ended:
        left = pipeline.semantic.steps_left
        assert left > 0
        _run(pipeline, backend, Work.SEMANTIC_STEP, left)
    assert pipeline.semantic.steps_left == 0
    assert pipeline.semantic.hit_limit == ("max_duration_s" in options)


def test_an_engine_runs_steps_in_a_row_and_says_the_same(lengths: list[int]) -> None:
    said = []
    for script in (FakeScript(), QUICK):  # what costs nothing is never known to be quick
        lengths.clear()
        simulation = Simulation(script=script)
        for number, name in enumerate("abc"):
            simulation.submit(request(name, text_ids=6 + number, seed=number))
        simulation.run()
        said.append([simulation.pcm(name).tobytes() for name in "abc"])
        assert (max(lengths) == MAX_STEPS) == (script is QUICK)
    assert said[0] == said[1]


def test_a_slow_scheduler_makes_no_shorter_runs(
    monkeypatch: pytest.MonkeyPatch, lengths: list[int]
) -> None:
    """What is between two batches is what runs are to save: it must not make steps look slow."""

    def slowly(scheduler: Scheduler, now_s: float) -> Assignment | None:
        simulation.now_s += 3 * RUN_S
        return ask(scheduler, now_s)

    ask = Scheduler.next
    simulation = Simulation(script=QUICK)
    monkeypatch.setattr(Scheduler, "next", slowly)
    simulation.submit(request("a", text_ids=6))
    simulation.run()
    assert max(lengths) == MAX_STEPS


def test_the_row_to_blame_is_found_in_the_middle_of_a_run() -> None:
    healthy = Simulation(script=QUICK)
    healthy.submit(request("b", text_ids=4, seed=2))
    healthy.run()
    fault = Fault(Effect.RAISE, "CoarseStep", step=12, text_id=106)
    simulation = Simulation(script=FakeScript(costs=QUICK.costs, faults=(fault,)))
    simulation.submit(request("a", text_ids=7, seed=1))
    simulation.submit(request("b", text_ids=4, seed=2))
    simulation.run()
    assert isinstance(simulation.failed("a").error, EngineFailureError)
    assert simulation.pcm("b").tobytes() == healthy.pcm("b").tobytes()

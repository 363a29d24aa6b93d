"""Real threads: those of the lanes, beside the loop's own."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from bark_core.backends.base import Backend, Batch, Output
from bark_core.backends.fake import Cost, Effect, FakeBackend, FakeScript, Fault
from bark_core.engine import EngineLimits, ThreadEngine
from bark_core.engine.commands import Submit
from bark_core.engine.events import UtteranceAborted
from bark_core.engine.lanes import OwnLane, ThreadLanes, lanes_of
from bark_core.engine.loop import EngineLoop
from bark_core.engine.request import Pacing
from bark_core.engine.warmup import warm_up
from bark_core.engine.work import Work
from bark_core.errors import EngineDiedError, SetupError
from tests.support.collecting import PATIENCE_S, submit
from tests.support.requests import request
from tests.support.simulation import CONFIG, Simulation, limits

SCRIPT = FakeScript(
    costs=(
        ("CoarseStep", Cost(0.0005)), ("FinePass", Cost(0.02)), ("CodecDecode", Cost(0.01)),
    )
)  # fmt: skip


class Observed(FakeBackend):
    """Notes which thread ran what, and how many batches ran at once."""

    def __init__(self, lanes: int, script: FakeScript = SCRIPT) -> None:
        super().__init__(CONFIG, limits(4, lanes=lanes), script)
        self.most = 0
        self.threads: dict[str, set[str]] = {}
        self._inside = 0
        self._counting = threading.Lock()

    def execute(self, batch: Batch, /) -> Output:
        with self._counting:
            self._inside += 1
            self.most = max(self.most, self._inside)
            name = threading.current_thread().name
            self.threads.setdefault(type(batch).__name__, set()).add(name)
        try:
            return super().execute(batch)
        finally:
            with self._counting:
                self._inside -= 1


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize("lanes", [1, 2, 4])
def test_an_engine(lanes: int) -> None:
    backend = Observed(lanes)
    engine = ThreadEngine(lambda: backend, CONFIG)
    engine.start()
    names = [f"call {i}" for i in range(6)]
    calls = submit(engine, *(request(name, text_ids=5, seed=i) for i, name in enumerate(names)))
    for call in calls:
        call.finished()
    engine.close()
    assert (backend.most > 1) == (lanes > 1)
    assert backend.most <= lanes
    alone = Simulation()
    for i, name in enumerate(names):
        alone.submit(request(name, text_ids=5, seed=i))
    alone.run()
    for call, name in zip(calls, names, strict=True):
        assert call.pcm.tobytes() == alone.pcm(name).tobytes()


def test_the_loops_thread_is_left_to_decide() -> None:
    backend = Observed(2)
    engine = ThreadEngine(lambda: backend, CONFIG)
    engine.start()
    for call in submit(engine, *(request(name, text_ids=8) for name in "ab")):
        call.finished()
    engine.close()
    assert set.union(*backend.threads.values()) == {"barkstream-lane-0", "barkstream-lane-1"}


def test_one_lane_has_no_thread() -> None:
    assert isinstance(lanes_of(Observed(1), lambda: None, time.monotonic), OwnLane)
    lanes = lanes_of(Observed(2), lambda: None, time.monotonic)
    assert isinstance(lanes, ThreadLanes)
    lanes.wait(60.0)  # nothing is under way
    lanes.close()


def test_who_has_nothing_else_to_wait_for() -> None:
    """The warm-up, and speaking without an engine."""
    backend = Observed(2)
    costs = warm_up(backend, CONFIG)
    assert backend.threads["FinePass"] <= {"barkstream-lane-0", "barkstream-lane-1"}
    assert costs.shares.batch_s(Work.FINE, 1) > 0


def test_a_broken_back_end_leaves_no_thread() -> None:
    broken = FakeScript(faults=(Fault(Effect.RAISE, "FinePass"),))
    engine = ThreadEngine(lambda: Observed(2, broken), CONFIG, EngineLimits(restart_limit=1))
    engine.start()
    errors = [call.failed().error for call in submit(engine, *(request(n) for n in "abcd"))]
    assert EngineDiedError in {type(error) for error in errors}
    engine.close()


def test_a_warm_up_that_fails_leaves_no_thread() -> None:
    class Broken(Observed):
        def execute(self, batch: Batch, /) -> Output:
            raise RuntimeError("no kernel")

    def make() -> Backend:
        return Broken(2)

    with pytest.raises(SetupError, match="first utterance"):
        ThreadEngine(make, CONFIG).start()


def test_an_abort_does_not_wait_for_a_batch_in_another_lane() -> None:
    """The end is told while the pass is still under way."""
    held, go_on = threading.Event(), threading.Event()

    class Held(Observed):
        def execute(self, batch: Batch, /) -> Output:
            if type(batch).__name__ == "FinePass" and armed.is_set():
                held.set()
                assert go_on.wait(PATIENCE_S)
            return super().execute(batch)

    armed = threading.Event()
    engine = ThreadEngine(lambda: Held(2), CONFIG)
    engine.start()
    armed.set()
    (call,) = submit(engine, request(text_ids=20, pacing=Pacing(None)))
    assert held.wait(PATIENCE_S)
    engine.abort(["a"])
    assert isinstance(call.end(), UtteranceAborted)
    assert not go_on.is_set()
    go_on.set()
    (after,) = submit(engine, request("b"))
    after.finished()
    engine.close()


def test_closing_a_loop_waits_for_what_is_under_way() -> None:
    backend = Observed(2)
    with EngineLoop(backend, CONFIG, EngineLimits(), lambda: 0.0) as loop:
        loop.obey(Submit(request(), 0.0))
        assert loop.turn().busy_since_s == 0.0
    assert backend.executed["SemanticPrefill"] == 1

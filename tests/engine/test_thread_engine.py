"""The engine in a thread: life, bounds, errors, leaks."""

import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from bark_core.backends.base import Backend, Batch, Output
from bark_core.backends.fake import Cost, Effect, FakeBackend, FakeScript, Fault
from bark_core.engine import EngineLimits, EngineState, ThreadEngine
from bark_core.engine.events import UtteranceAborted, UtteranceFailed
from bark_core.errors import (
    CapacityError,
    DeadlineError,
    EngineDiedError,
    InvalidRequestError,
    OptionError,
    SetupError,
    TextError,
    UnavailableError,
    VoiceDataError,
    WarmingUpError,
)
from tests.support.collecting import PATIENCE_S, Collector, submit
from tests.support.requests import random_voice, request
from tests.support.simulation import CONFIG, limits

SLOW = FakeScript(costs=(("CoarseStep", Cost(0.002)), ("SemanticStep", Cost(0.002))))

Start = Callable[..., ThreadEngine]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts engines, and sees to it that no thread is left."""
    before = set(threading.enumerate())
    engines: list[ThreadEngine] = []

    def make(
        script: FakeScript | None = None, slots: int = 4, bounds: EngineLimits | None = None
    ) -> ThreadEngine:
        def backend() -> Backend:
            return FakeBackend(CONFIG, limits(slots), script)

        engine = ThreadEngine(backend, CONFIG, bounds)
        engines.append(engine)
        engine.start()
        return engine

    yield make
    for engine in engines:
        engine.close()
        engine.close()
        assert engine.state is EngineState.CLOSED
    assert set(threading.enumerate()) <= before


def until(condition: Callable[[], bool]) -> None:
    """Waits for something that another thread does."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


def test_an_utterance(start: Start) -> None:
    engine = start()
    assert engine.state is EngineState.READY
    assert engine.info.backend.name == "fake"
    assert engine.load().realtime_factor is None
    (call,) = submit(engine, request())
    report = call.finished().report
    assert report.samples == call.pcm.size > 0
    load = engine.load()
    assert (load.running, load.waiting, load.slots) == (0, 0, 4)
    assert load.realtime_factor is not None


def test_many_at_once_from_many_threads(start: Start) -> None:
    engine = start()
    calls: list[Collector] = []

    def work(n: int) -> None:
        for i in range(4):
            calls.extend(submit(engine, request(f"{n}.{i}", text_ids=1 + n % 5)))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for call in calls:
        call.finished()
    assert len(calls) == 32


def test_more_than_the_bound_is_refused_at_once(start: Start) -> None:
    engine = start(SLOW, slots=1, bounds=EngineLimits(max_waiting=2))
    calls = submit(engine, *(request(name, text_ids=30) for name in "abc"))
    with pytest.raises(CapacityError):
        engine.submit(request("d"), Collector())
    load = engine.load()
    assert load.running + load.waiting == 3
    engine.abort(list("abc"))
    for call in calls:
        assert isinstance(call.end(), UtteranceAborted)
    (call,) = submit(engine, request("d"))
    call.finished()


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"text_ids": ()}, TextError),
        ({"text_ids": (-1,)}, TextError),
        ({"text_ids": (119_547,)}, TextError),
        ({"forced_semantic_tokens": 769}, OptionError),
        ({"forced_semantic_tokens": -1}, OptionError),
        ({"semantic_tokens": (10_000,)}, OptionError),
        ({"semantic_tokens": (0,) * 7_000}, OptionError),
        ({"deadline_s": math.nan}, OptionError),
        ({"index": -1}, OptionError),
        ({"voice": random_voice(CONFIG, 10, 99)}, VoiceDataError),
    ],
)
def test_what_can_never_succeed_is_refused_at_once(
    start: Start, wrong: dict[str, object], error: type[Exception]
) -> None:
    engine = start()
    with pytest.raises(error):
        engine.submit(request(**wrong), Collector())  # type: ignore[arg-type]
    assert engine.load().running + engine.load().waiting == 0


def test_an_id_in_use_is_refused(start: Start) -> None:
    engine = start(SLOW)
    (call,) = submit(engine, request("a", text_ids=30))
    with pytest.raises(InvalidRequestError):
        engine.submit(request("a"), Collector())
    engine.abort(["a", "unknown"])
    call.end()
    (again,) = submit(engine, request("a"))
    again.finished()


def test_abort_while_it_speaks(start: Start) -> None:
    engine = start(SLOW)
    first, second = submit(engine, request("a", text_ids=40), request("b", text_ids=3))
    assert first.audible.wait(PATIENCE_S)
    engine.abort(["a"])
    assert isinstance(first.end(), UtteranceAborted)
    second.finished()


def test_a_deadline(start: Start) -> None:
    engine = start(SLOW)
    (call,) = submit(engine, request(text_ids=60, deadline_s=time.monotonic() + 0.2))
    assert isinstance(call.failed().error, DeadlineError)


def test_reports_of_playback_may_come_at_any_time(start: Start) -> None:
    engine = start()
    engine.report_playback("nobody", 1.0)
    (call,) = submit(engine, request())
    engine.report_playback("a", 0.1)
    call.finished()
    engine.report_playback("a", 99.0)


def test_close_fails_what_runs(start: Start) -> None:
    engine = start(SLOW, slots=1)
    calls = submit(engine, *(request(name, text_ids=60) for name in "ab"))
    engine.close()
    for call in calls:
        assert isinstance(call.failed().error, UnavailableError)
    with pytest.raises(UnavailableError):
        engine.submit(request("c"), Collector())
    engine.abort(["a"])
    engine.report_playback("a", 1.0)


def test_a_setup_error_is_raised_by_start() -> None:
    def refuse() -> Backend:
        raise SetupError("no such device")

    def break_down() -> Backend:
        raise ValueError("bug")

    for factory, text in ((refuse, "no such device"), (break_down, "ValueError")):
        engine = ThreadEngine(factory, CONFIG)
        with pytest.raises(SetupError, match=text):
            engine.start()
        assert engine.state is EngineState.CLOSED
        engine.close()


def test_a_closed_engine_is_never_ready() -> None:
    engine = ThreadEngine(lambda: FakeBackend(CONFIG, limits()), CONFIG)
    engine.close()
    with pytest.raises(UnavailableError, match="closed before"):
        engine.start()
    assert engine.state is EngineState.CLOSED


def test_a_model_that_fails_its_first_utterance_is_a_setup_error() -> None:
    class Broken(FakeBackend):
        def execute(self, batch: Batch, /) -> Output:
            raise RuntimeError("no kernel")

    engine = ThreadEngine(lambda: Broken(CONFIG, limits()), CONFIG)
    with pytest.raises(SetupError, match="first utterance"):
        engine.start()


def test_nothing_is_taken_before_it_is_ready() -> None:
    engine = ThreadEngine(lambda: FakeBackend(CONFIG, limits()), CONFIG)
    with pytest.raises(WarmingUpError):
        engine.submit(request(), Collector())
    with pytest.raises(WarmingUpError):
        engine.info  # noqa: B018
    engine.close()


def test_a_poisoned_utterance_fails_and_nobody_else_notices(start: Start) -> None:
    engine = start(FakeScript(faults=(Fault(Effect.RAISE, "CoarseStep", text_id=999),)))
    states: list[EngineState] = []
    engine.add_state_listener(states.append)
    good, bad, after = submit(
        engine, request("a", text_ids=8), request("b", text_ids=(999, 1)), request("c")
    )
    assert isinstance(bad.end(), UtteranceFailed)
    good.finished()
    after.finished()
    assert states == []


def test_a_broken_back_end_is_made_anew(start: Start) -> None:
    """Its calls end at once, listeners hear of it, and the next back end serves."""
    lives = []

    def backend() -> Backend:
        lives.append(1)
        faults = (Fault(Effect.RAISE, "CoarseStep"),) if len(lives) == 1 else ()
        return FakeBackend(CONFIG, limits(), FakeScript(faults=faults))

    engine = ThreadEngine(backend, CONFIG)
    states: list[EngineState] = []
    engine.add_state_listener(states.append)
    engine.start()
    calls = submit(engine, *(request(name) for name in "abcd"))
    errors = [call.failed().error for call in calls]
    assert EngineDiedError in {type(error) for error in errors}
    until(lambda: engine.state is EngineState.READY)
    (call,) = submit(engine, request("e"))
    call.finished()
    engine.close()
    ready, down = EngineState.READY, EngineState.DOWN
    assert states == [ready, down, ready, EngineState.CLOSED]


def test_an_engine_that_dies_too_often_stays_down(start: Start) -> None:
    engine = start(
        FakeScript(faults=(Fault(Effect.RAISE, "CoarseStep"),)),
        bounds=EngineLimits(restart_limit=1),
    )
    for _ in range(2):
        until(lambda: engine.state is EngineState.READY)
        for call in submit(engine, *(request(name) for name in "abcd")):
            call.failed()
        until(lambda: engine.state is not EngineState.READY or engine.load().running == 0)
    until(lambda: not engine._thread.is_alive())  # type: ignore[union-attr]
    assert engine.state is EngineState.DOWN
    with pytest.raises(EngineDiedError):
        engine.submit(request(), Collector())


def test_a_listener_that_raises_harms_nobody(start: Start) -> None:
    engine = start()

    def broken(events: object) -> None:
        raise RuntimeError("listener bug")

    engine.submit(request("a"), broken)
    (call,) = submit(engine, request("b"))
    call.finished()
    until(lambda: engine.load().running == 0)


def test_two_engines_share_nothing(start: Start) -> None:
    one, two = start(), start()
    (a,) = submit(one, request("a", text_ids=9))
    (b,) = submit(two, request("a", text_ids=9))
    a.finished()
    b.finished()
    assert np.array_equal(a.pcm, b.pcm)


FORGETFUL = """
from bark_core.backends.fake import FakeBackend
from bark_core.engine import ThreadEngine
from tests.support.simulation import CONFIG, limits

engine = ThreadEngine(lambda: FakeBackend(CONFIG, limits()), CONFIG)
engine.start()
print("ready")
"""


def test_a_program_that_forgets_to_close_can_end() -> None:
    found = subprocess.run(
        [sys.executable, "-c", FORGETFUL],
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        timeout=PATIENCE_S,
        check=True,
    )
    assert found.stdout == b"ready\n"
    assert found.stderr == b""

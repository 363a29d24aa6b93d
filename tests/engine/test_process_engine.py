"""The engine in a process: killed, hung, raising, orphaned; and what it leaves behind."""

import functools
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bark_core.backends.fake import Cost, Effect, FakeBackend, FakeScript, Fault
from bark_core.backends.registry import BackendSpec
from bark_core.checkpoints import open_checkpoint
from bark_core.engine import EngineLimits, EngineState, ProcessEngine
from bark_core.engine.events import UtteranceAborted
from bark_core.errors import EngineDiedError, SetupError, UnavailableError
from tests.support.collecting import PATIENCE_S, Collector, submit
from tests.support.requests import random_voice, request
from tests.support.simulation import CONFIG, limits

SLOW = FakeScript(costs=(("CoarseStep", Cost(0.002)), ("SemanticStep", Cost(0.002))))
POISON = 999

Start = Callable[..., ProcessEngine]


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts engines, and sees to it that no thread and no process is left."""
    before = set(threading.enumerate())
    engines: list[ProcessEngine] = []

    def make(
        script: FakeScript | None = None,
        slots: int = 4,
        bounds: EngineLimits | None = None,
        lanes: int = 1,
    ) -> ProcessEngine:
        engine = ProcessEngine(
            functools.partial(FakeBackend, CONFIG, limits(slots, lanes), script), CONFIG, bounds
        )
        engines.append(engine)
        engine.start()
        return engine

    yield make
    for engine in engines:
        engine.close()
        engine.close()
        assert engine.state is EngineState.CLOSED
    assert set(threading.enumerate()) <= before
    assert multiprocessing.active_children() == []


def child_of(engine: ProcessEngine) -> int:
    session = engine._session
    pid = session._process.pid  # type: ignore[union-attr]
    assert isinstance(pid, int)
    return pid


@pytest.mark.parametrize("lanes", [1, 2])
def test_the_same_as_in_a_thread(start: Start, lanes: int) -> None:
    from tests.support.simulation import Simulation  # noqa: PLC0415

    engine = start(lanes=lanes)
    assert engine.info.backend.name == "fake"
    voice = random_voice(CONFIG, 346, 520)
    asked = request(text_ids=9, voice=voice, keep_tokens=True)
    (call,) = submit(engine, asked)
    local = Simulation()
    local.submit(asked)
    local.run()
    found, expected = call.finished().tokens, local.finished("a").tokens
    assert call.pcm.tobytes() == local.pcm("a").tobytes()
    assert found is not None
    assert expected is not None
    assert found.fine.tobytes() == expected.fine.tobytes()
    assert engine.load().realtime_factor is not None


@pytest.mark.parametrize("lanes", [1, 2])
def test_many_and_aborted(start: Start, lanes: int) -> None:
    engine = start(SLOW, lanes=lanes)
    calls = submit(engine, *(request(f"{i}", text_ids=3 + i) for i in range(8)))
    assert calls[3].audible.wait(PATIENCE_S)
    engine.abort(["7", "3"])
    assert isinstance(calls[7].end(), UtteranceAborted)
    calls[3].end()
    for i in (0, 1, 2, 4, 5, 6):
        calls[i].finished()
    load = engine.load()
    assert (load.running, load.waiting, load.slots) == (0, 0, 4)


def test_killed(start: Start) -> None:
    """Its calls end with their code at once, health tells, it comes back."""
    engine = start(SLOW, slots=2)
    states: list[EngineState] = []
    engine.add_state_listener(states.append)
    calls = submit(engine, *(request(name, text_ids=60) for name in "abc"))
    assert calls[0].audible.wait(PATIENCE_S)
    os.kill(child_of(engine), signal.SIGKILL)
    for call in calls:
        error = call.failed().error
        assert isinstance(error, EngineDiedError)
        assert error.retry_after_s > 0
    until(lambda: engine.state is EngineState.READY)
    assert states == [EngineState.DOWN, EngineState.READY]
    (call,) = submit(engine, request("d"))
    call.finished()


@pytest.mark.parametrize("effect", [Effect.EXIT, Effect.HANG])
def test_dying_and_hanging_in_a_batch(start: Start, effect: Effect) -> None:
    engine = start(
        FakeScript(faults=(Fault(effect, "CoarseStep", text_id=POISON, at=5),)),
        bounds=EngineLimits(step_timeout_s=0.6),
    )
    calls = submit(engine, request("bad", text_ids=(POISON, 2, 3)), request("b", text_ids=200))
    for call in calls:
        assert isinstance(call.failed().error, EngineDiedError)
    until(lambda: engine.state is EngineState.READY)
    (call,) = submit(engine, request("c"))
    call.finished()


def test_hanging_in_one_lane_while_the_other_goes_on(start: Start) -> None:
    fault = Fault(Effect.HANG, "CoarsePrefill", text_id=POISON, at=0)
    # Semantic steps go on for seconds, in the loop's own lane.
    script = FakeScript(costs=(("SemanticStep", Cost(0.01)),), faults=(fault,))
    engine = start(script, bounds=EngineLimits(step_timeout_s=0.6), lanes=2)
    calls = submit(engine, request("bad", text_ids=(POISON, *range(1, 60))), request("b"))
    for call in calls:
        assert isinstance(call.failed().error, EngineDiedError)
    until(lambda: engine.state is EngineState.READY)
    (call,) = submit(engine, request("c"))
    call.finished()


def test_stopped_while_idle_is_noticed_by_the_next_call(start: Start) -> None:
    """No batch hangs, but the process does not answer."""
    engine = start(bounds=EngineLimits(step_timeout_s=0.6))
    os.kill(child_of(engine), signal.SIGSTOP)
    (call,) = submit(engine, request())
    assert isinstance(call.failed().error, EngineDiedError)
    until(lambda: engine.state is EngineState.READY)


def test_a_long_silence_without_work_is_no_hang(start: Start) -> None:
    engine = start(bounds=EngineLimits(step_timeout_s=0.2))
    pid = child_of(engine)
    time.sleep(0.8)
    (call,) = submit(engine, request())
    call.finished()
    assert child_of(engine) == pid


def test_raising_is_noticed_by_nobody_else(start: Start) -> None:
    engine = start(FakeScript(faults=(Fault(Effect.RAISE, "CoarseStep", text_id=POISON),)))
    states: list[EngineState] = []
    engine.add_state_listener(states.append)
    good, bad = submit(engine, request("a", text_ids=9), request("bad", text_ids=(POISON, 2)))
    bad.failed()
    good.finished()
    assert states == []


def test_dying_too_often_stays_down(start: Start) -> None:
    engine = start(
        FakeScript(faults=(Fault(Effect.EXIT, "SemanticStep"),)),
        bounds=EngineLimits(restart_limit=1),
    )
    for _ in range(2):
        until(lambda: engine.state is EngineState.READY)
        (call,) = submit(engine, request())
        call.failed()
    until(lambda: not engine._thread.is_alive())  # type: ignore[union-attr]
    assert engine.state is EngineState.DOWN
    with pytest.raises(EngineDiedError):
        engine.submit(request(), Collector())


def test_close_while_it_works(start: Start) -> None:
    engine = start(SLOW)
    calls = submit(engine, *(request(name, text_ids=60) for name in "ab"))
    assert calls[0].audible.wait(PATIENCE_S)
    engine.close()
    for call in calls:
        assert isinstance(call.failed().error, UnavailableError)


def test_close_while_it_loads() -> None:
    engine = ProcessEngine(
        functools.partial(FakeBackend, CONFIG, limits(), FakeScript(start_s=3600.0)), CONFIG
    )
    caught: list[BaseException] = []

    def begin() -> None:
        try:
            engine.start()
        except UnavailableError as error:
            caught.append(error)

    thread = threading.Thread(target=begin)
    thread.start()
    until(lambda: bool(multiprocessing.active_children()))
    engine.close()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    assert len(caught) == 1
    assert multiprocessing.active_children() == []


def test_a_load_that_takes_too_long_is_a_setup_error() -> None:
    engine = ProcessEngine(
        functools.partial(FakeBackend, CONFIG, limits(), FakeScript(start_s=3600.0)),
        CONFIG,
        EngineLimits(start_timeout_s=0.5),
    )
    with pytest.raises(SetupError, match="start_timeout_s"):
        engine.start()
    assert multiprocessing.active_children() == []


def refuse() -> FakeBackend:
    raise SetupError("no such device")


def break_down() -> FakeBackend:
    raise ValueError("a bug")


@pytest.mark.parametrize(("factory", "text"), [(refuse, "no such device"), (break_down, "a bug")])
def test_a_setup_error_crosses_to_the_parent(factory: Callable[[], FakeBackend], text: str) -> None:
    engine = ProcessEngine(factory, CONFIG)
    with pytest.raises(SetupError, match=text):
        engine.start()
    engine.close()
    assert multiprocessing.active_children() == []


def test_by_spec() -> None:
    checkpoint = open_checkpoint("noise")
    spec = BackendSpec(checkpoint, backend="fake", slots=2, fake=FakeScript(lengths=(7,)))
    engine = ProcessEngine(spec, checkpoint.config)
    engine.start()
    (call,) = submit(engine, request(text_ids=(1, 2)))
    assert call.finished().report.semantic_tokens == 7
    assert engine.info.limits.slots == 2
    engine.close()


def test_handles_do_not_add_up(start: Start) -> None:
    """Three lives of the child leave as many descriptors as one."""

    def descriptors() -> int:
        return len(list(Path("/dev/fd").iterdir()))

    engine = start(
        FakeScript(faults=(Fault(Effect.EXIT, "SemanticStep", text_id=POISON),)),
        bounds=EngineLimits(restart_limit=100),
    )
    counts = []
    for _ in range(3):
        (call,) = submit(engine, request(text_ids=(POISON, 1)))
        call.failed()
        until(lambda: engine.state is EngineState.READY)
        counts.append(descriptors())
    assert counts[-1] <= counts[0]


ORPHAN = """
    import functools, os, sys
    from bark_core.backends.fake import *
    from bark_core.engine import ProcessEngine
    from tests.support.requests import request
    from tests.support.simulation import CONFIG, limits

    if __name__ == "__main__":
        hang = Fault(Effect.HANG, "CoarseStep")
        script = FakeScript(faults=(hang,) if sys.argv[1] == "busy" else ())
        engine = ProcessEngine(functools.partial(FakeBackend, CONFIG, limits(), script), CONFIG)
        engine.start()
        engine.submit(request(), lambda events: None)
        assert "torch" not in sys.modules
        print(engine._session._process.pid, flush=True)
        sys.stdin.read()
"""


@pytest.mark.parametrize("state", ["busy", "idle"])
def test_the_child_ends_with_its_parent(
    state: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Also if the parent is killed, also in a batch; and the parent never imported torch."""
    path = tmp_path_factory.mktemp("orphan") / "parent.py"
    path.write_text(textwrap.dedent(ORPHAN))
    with subprocess.Popen(
        [sys.executable, str(path), state],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        os.kill(child, 0)
        time.sleep(0.1)
        parent.kill()
    until(lambda: not alive(child))


def alive(pid: int) -> bool:
    """A zombie that nobody waits for is dead."""
    try:
        with Path(f"/proc/{pid}/stat").open() as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        if Path("/proc/self").is_dir():
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def log_and_make() -> FakeBackend:
    log = logging.getLogger("bark_core.somewhere")
    log.info("converting %s", "noise", extra={"fields": {"seconds": 2}})
    log.debug("nobody asked for this")
    logging.getLogger("a.library").info("nor for this")
    try:
        break_down()
    except ValueError:
        log.exception("it went on")
    return FakeBackend(CONFIG, limits(1))


def test_logs_of_the_child_are_those_of_the_parent(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "bark_core")
    engine = ProcessEngine(log_and_make, CONFIG)
    engine.start()
    engine.close()
    told, trouble = caplog.records
    assert (told.name, told.levelno) == ("bark_core.somewhere", logging.INFO)
    assert told.getMessage() == "converting noise"
    assert vars(told)["fields"] == {"seconds": 2}
    assert told.process != os.getpid()
    assert trouble.getMessage().startswith("it went on\nTraceback")
    assert trouble.getMessage().endswith("ValueError: a bug")


def test_a_child_is_as_quiet_as_its_parent(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "bark_core")
    engine = ProcessEngine(log_and_make, CONFIG)
    engine.start()
    engine.close()
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_logs_while_speaking_arrive(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    """The engine tells of a row that fails; whoever waits for others goes on."""
    fault = Fault(Effect.RAISE, "SemanticStep", text_id=POISON)
    engine = start(FakeScript(faults=(fault,)))
    calls = submit(engine, request(text_ids=(POISON, 1)), request("b", text_ids=(1, 2)))
    calls[0].failed()
    assert calls[1].finished()
    until(lambda: any(record.process != os.getpid() for record in caplog.records))

"""The soak: what it counts as wrong, and a short one that must find nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from bench.soak.findings import Findings
from bench.soak.plan import Kind, plan_call
from bench.soak.processes import ProcessState
from bench.soak.quiet import Quiet, held_too_much
from bench.soak.report import memory_problems
from bench.soak.scripts import Alone, AudioMismatchError, long_pool, pool
from bench.soak.storm import CALLS
from bench.soak.watched import Look

ROOT = Path(__file__).resolve().parents[2]
LINUX = Path("/proc/self/fd").exists()


def quiet(*, files: tuple[str, ...] = ("socket",), rss_mib: float = 100.0) -> Quiet:
    state = ProcessState(1, rss_mib, 10, files)
    held = {"tasks": {"serve": 1}, "threads": {"MainThread": 1}, "objects": {}}
    return Quiet(0, 0.0, Look(state, state, held), 50.0, 5, {"Task": 2})


def test_a_number_and_a_seed_are_a_call() -> None:
    assert [plan_call(1, number) for number in range(99)] == [
        plan_call(1, number) for number in range(99)
    ]
    kinds = Counter(plan_call(1, number).kind for number in range(3000))
    assert set(kinds) == set(Kind) == set(CALLS)
    assert kinds[Kind.SESSION] > 10 * kinds[Kind.CLIENT_KILLED]
    first, again = plan_call(1, 5).draws(2), plan_call(1, 5).draws(2)
    assert first.random(4).tolist() == again.random(4).tolist()
    assert first.random(4).tolist() != plan_call(1, 6).draws(2).random(4).tolist()


def test_scripts_stay_the_same_and_fit_some_call() -> None:
    assert pool(3) == pool(3) != pool(4)
    for script in pool(3):
        assert script.for_sessions or script.for_streams
    assert any(not script.for_streams for script in pool(3))
    assert {script.number for script in pool(3)}.isdisjoint(s.number for s in long_pool(3))


def test_other_audio_is_found() -> None:
    script = pool(1)[2]
    alone = Alone({2: b"abcdef"}, {2: b"ghi"})
    alone.check_stream(script, b"abcdef", whole=True)
    alone.check_stream(script, b"abc", whole=False)
    alone.check_session(script, b"ghi", whole=True)
    for heard, whole in ((b"abc", True), (b"abd", False), (b"abcdefg", False), (b"ghi", True)):
        with pytest.raises(AudioMismatchError, match="script 2"):
            alone.check_stream(script, heard, whole=whole)
    assert alone.differences(alone) == []
    assert len(alone.differences(Alone({2: b"abcdef"}, {2: b"ghj"}))) == 1


def test_what_is_left_is_found() -> None:
    before = quiet()
    assert held_too_much(before, before) == []
    assert held_too_much(quiet(files=()), before) == []
    more_files = held_too_much(quiet(files=("socket", "socket")), before)
    assert more_files == [
        "server file socket: 2, at first 1",
        "engine file socket: 2, at first 1",
    ]
    held = {"tasks": {"serve": 1, "behaviour": 1}, "threads": {}, "objects": {"Bridge": 3}}
    assert held_too_much(replace(before, look=replace(before.look, held=held)), before) == [
        "server tasks behaviour: 1, at first 0",
        "server objects Bridge: 3, at first 0",
    ]
    assert held_too_much(replace(before, client_files=6), before)
    assert held_too_much(replace(before, client_tasks={"Task": 3}), before)
    # gRPC's pool comes and goes; ten more threads do not.
    busy = replace(before.look, server=replace(before.look.server, threads=20))
    assert held_too_much(replace(before, look=busy), before)


def test_growing_memory_is_found() -> None:
    flat = [quiet(rss_mib=mib) for mib in (60.0, 100.0, 101.0, 104.0, 104.0)]
    assert memory_problems(flat, 0.05) == []
    grown = [*flat[:3], quiet(rss_mib=106.0), quiet(rss_mib=100.0)]
    assert memory_problems(grown, 0.05) == ["memory of the engine grew by 6.0% after the first lap"]
    # The last engine is a new one: it says nothing of the old one's memory.
    new_engine = [*flat[:4], quiet(rss_mib=106.0)]
    assert memory_problems(new_engine, 0.05) == [
        "memory of the server grew by 6.0% after the first lap"
    ]


def test_what_the_server_complains_of_is_found(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_text(
        '{"level": "error", "event": "the engine died, next start in 0.05 s: x"}\n'
        '{"level": "warning", "event": "engine", "state": "down"}\n'
        '{"level": "error", "event": "Task exception was never retrieved"}\n'
        "RuntimeWarning: coroutine was never awaited\n"
    )
    findings = Findings()
    findings.read_log(log)
    assert len(findings.problems) == 2


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(not LINUX, reason="the soak looks into /proc")
@pytest.mark.parametrize("backend", ["torch", "onnx"])
def test_soak(backend: str, tmp_path: Path) -> None:
    pytest.importorskip({"torch": "torch", "onnx": "onnxruntime"}[backend])
    out = tmp_path / "soak.json"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "bench.soak", "--calls", "600", "--laps", "3"),
            *("--kills", "2", "--backend", backend, "--output", str(out)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=1700,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads(out.read_text())
    assert record["problems"] == []
    assert record["engine_kills"] == 2
    assert sum(record["ends"].values()) == record["calls"] >= 600
    assert {end.split(":")[0] for end in record["ends"]} == set(Kind)
    heard = sum(count for end, count in record["ends"].items() if end.endswith(": heard"))
    assert heard > 50

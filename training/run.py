"""Run the whole pipeline, or go on with it: the one command to call again after every stop.

    python -m training.run --root DIR [--slots 2] [--hours 20] [--effort 0.5]

Steps run as processes of their own, at most `--slots` at once, in slices of a few minutes. Among
the steps that can run now the one furthest behind its share of time goes first, so that every
stage has something to show early. SIGTERM stops it and lets what runs save first. What has been
done is in `run.json`; `pids` lists the running processes, one a line, for whoever must stop them
for a while (SIGSTOP, SIGCONT).

`--effort` scales how much of everything is made. A run with a small effort gives a voice early; a
later one with a larger effort goes on from there, nothing is lost.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch

from bark_core.text.lexicon import LEXICON_FILE
from training import transcribe
from training.tokenised import RETOLD

_POLL_S = 5.0
_SHARD_HOURS = 50 * 3.3 / 3600


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the pipeline.

    Attributes:
        name: also of its log.
        share: of the time, in relation to the others that are ready.
        command: module and arguments.
        ready: whether it can do something now.
    """

    name: str
    share: float
    command: tuple[str, ...]
    ready: Callable[[Path], bool]


@dataclass(slots=True, eq=False)
class State:
    """Minutes each step has had; survives restarts."""

    path: Path
    minutes: dict[str, float] = field(default_factory=dict)

    def add(self, name: str, minutes: float) -> None:
        """Count time and save."""
        self.minutes[name] = self.minutes.get(name, 0.0) + minutes
        self.path.write_text(json.dumps(self.minutes, indent=1, sort_keys=True) + "\n", "utf-8")


def _shards(folder: Path) -> int:
    return len(list(folder.glob("shard-*.npz")))


def steps_done(path: Path) -> int:
    """Steps of a checkpoint, 0 if there is none."""
    if not path.exists():
        return 0
    return int(torch.load(path, weights_only=True, mmap=True)["step"])


def _audio_short_of(hours: float) -> Callable[[Path], bool]:
    return lambda root: _shards(root / "audio") * _SHARD_HOURS < hours


def _front_short_of(hours: float) -> Callable[[Path], bool]:
    return lambda root: _shards(root / "front") * 20 * _SHARD_HOURS < hours


def _untranscribed(root: Path) -> bool:
    path = root / transcribe.FILE
    if not path.exists():
        return True
    with path.open("rb") as done, (root / "texts.txt").open("rb") as texts:
        return sum(1 for _ in done) < sum(1 for _ in texts)


def _unspelled(root: Path) -> bool:
    return not _untranscribed(root) and not (root / LEXICON_FILE).exists()


def _untokenised(minutes: float, student_steps: int) -> Callable[[Path], bool]:
    def ready(root: Path) -> bool:
        if steps_done(root / "checkpoints" / "student.pt") < student_steps:
            return False
        audio = _shards(root / "audio")
        if not (root / "codebooks.npz").exists():
            return audio * _SHARD_HOURS * 60 > 1.15 * minutes
        done = _shards(root / "tokens" / "audio")
        front = _shards(root / "front") - _shards(root / "tokens" / "front")
        return audio - done >= 8 or front > 0 or _shards(root / "tokens" / "held_out") < 2

    return ready


def _untaught(total: int, minutes: float) -> Callable[[Path], bool]:
    def ready(root: Path) -> bool:
        there = _shards(root / "audio") * _SHARD_HOURS * 60 > 1.15 * minutes
        there = there and _shards(root / "held_out") > 1
        return there and steps_done(root / "checkpoints" / "student.pt") < total

    return ready


def _training(
    name: str, total: int, needs: str, after: tuple[str, int] | None
) -> Callable[[Path], bool]:
    def ready(root: Path) -> bool:
        if after and steps_done(root / "checkpoints" / f"{after[0]}.pt") < after[1]:
            return False
        there = _shards(root / "tokens" / needs) > 0 and _shards(root / "tokens" / "held_out") > 1
        there = there and (name != "semantic" or (root / LEXICON_FILE).exists())
        return there and steps_done(root / "checkpoints" / f"{name}.pt") < total

    return ready


def _unsaid(stage: str, total: int) -> Callable[[Path], bool]:
    def ready(root: Path) -> bool:
        if steps_done(root / "checkpoints" / f"{stage}.pt") < total:
            return False
        tokens = root / "tokens"
        return _shards(tokens / RETOLD[stage]) < _shards(tokens / "audio")

    return ready


def plan(minutes: int, codebook_minutes: float, effort: float) -> tuple[Step, ...]:
    """All steps; training steps run `minutes` at a time."""
    audio_hours, front_hours = 8 * effort, 40 * effort

    def steps(full: int) -> int:
        return round(full * effort)

    def train(
        name: str,
        share: float,
        total: int,
        needs: str,
        after: tuple[str, int] | None = None,
        label: str = "",
    ) -> Step:
        command = (f"training.train_{name}", "--minutes", str(minutes), "--total", str(total))
        return Step(label or name, share, command, _training(name, total, needs, after))

    def say(stage: str, total: int) -> Step:
        command = ("training.said", "--stage", stage, "--minutes", str(minutes))
        return Step(f"said_{stage}", 100.0, command, _unsaid(stage, total))

    def speak(worker: int) -> Step:
        command = ("training.synthesise", "--hours", str(audio_hours), "--minutes", str(minutes))
        which = ("--worker", str(worker), "--workers", "2")
        return Step(f"audio{worker}", 1.5, command + which, _audio_short_of(audio_hours))

    front = ("training.synthesise", "--front-only", "--hours", str(front_hours))
    front += ("--minutes", str(minutes))
    student = ("training.train_student", "--total", str(steps(3_000)))
    tokens = ("training.tokenise", "--minutes", str(codebook_minutes))
    return (
        Step("tokenise", 100.0, tokens, _untokenised(codebook_minutes, steps(3_000))),
        Step("student", 50.0, student, _untaught(steps(3_000), codebook_minutes)),
        speak(0),
        speak(1),
        Step("transcribe", 100.0, ("training.transcribe",), _untranscribed),
        Step("lexicon", 100.0, ("training.tokens.text",), _unspelled),
        Step("front", 1.0, front, _front_short_of(front_hours)),
        train("decoder", 3.0, steps(20_000), "audio"),
        train("coarse", 2.5, steps(16_000), "front"),
        train("semantic", 3.0, steps(28_000), "front"),
        say("coarse", steps(16_000)),
        train("fine", 1.0, steps(12_000), RETOLD["coarse"]),
        say("fine", steps(12_000)),
        # Once it knows the right codes it learns those that it will be given.
        train(
            "decoder",
            3.0,
            steps(24_000),
            RETOLD["fine"],
            after=("decoder", steps(20_000)),
            label="decoder_retold",
        ),
        train("decoder_gan", 3.0, steps(15_000), "audio", after=("decoder", steps(24_000))),
    )


def choose(steps: tuple[Step, ...], root: Path, state: State, running: set[str]) -> Step | None:
    """The ready step, not yet running, that is furthest behind its share."""
    candidates = [step for step in steps if step.name not in running and step.ready(root)]
    if not candidates:
        return None
    return min(candidates, key=lambda step: state.minutes.get(step.name, 0.0) / step.share)


def _start(step: Step, root: Path) -> subprocess.Popen[bytes]:
    log = root / "logs" / f"{step.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    module, *rest = step.command
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with log.open("ab") as file:
        return subprocess.Popen(
            [sys.executable, "-m", module, "--root", str(root), *rest],
            stdout=file,
            stderr=subprocess.STDOUT,
            env=environment,
        )


def main(arguments: list[str] | None = None) -> None:
    """Command line of this step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--slots", type=int, default=2, help="single-thread processes at once")
    parser.add_argument("--hours", type=float, default=1e6, help="stop after so long")
    parser.add_argument("--slice", type=int, default=15, help="minutes a step runs at a time")
    parser.add_argument("--codebook-minutes", type=float, default=30.0)
    parser.add_argument("--effort", type=float, default=1.0, help="1: about 20 hours of two cores")
    options = parser.parse_args(arguments)
    os.nice(max(0, 19 - os.nice(0)))
    root, end = options.root, time.monotonic() + options.hours * 3600
    state_path = root / "run.json"
    known = json.loads(state_path.read_text("utf-8")) if state_path.exists() else {}
    state = State(state_path, known)
    steps = plan(options.slice, options.codebook_minutes, options.effort)
    running: dict[str, tuple[subprocess.Popen[bytes], float]] = {}
    failed: set[str] = set()
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopped.append(number))
    while True:
        if stopped:
            end = time.monotonic()
            for process, _ in running.values():
                process.terminate()
        for name, (process, started) in list(running.items()):
            if process.poll() is not None:
                del running[name]
                state.add(name, (time.monotonic() - started) / 60)
                if process.returncode and not stopped:
                    failed.add(name)
                    print(f"{name} failed: see {root / 'logs' / name}.log", flush=True)
        while len(running) < options.slots and time.monotonic() < end:
            step = choose(steps, root, state, set(running) | failed)
            if step is None:
                break
            print(f"{time.strftime('%T')} {step.name}", flush=True)
            running[step.name] = (_start(step, root), time.monotonic())
        pids = [os.getpid(), *(process.pid for process, _ in running.values())]
        (root / "pids").write_text("".join(f"{pid}\n" for pid in pids), "utf-8")
        if not running:
            break
        time.sleep(_POLL_S)
    print("nothing left to run" if not failed else f"failed: {', '.join(sorted(failed))}")


if __name__ == "__main__":
    main()

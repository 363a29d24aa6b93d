"""One measurement in a process of its own, which writes it to a file. Used by first_audio.py."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.contenders import TRANSFORMERS, bark_cpp_precision, barkstream_contender
from bench.measurement import Measurement
from bench.task import Task


def measure(name: str, task: Task) -> Measurement:
    """Run one contender in a fresh process and read its figures.

    Raises:
        CalledProcessError: It failed; it has said why on the terminal.
    """
    with tempfile.TemporaryDirectory() as scratch:
        # Not by standard output, which libraries written in C use for themselves.
        answer = Path(scratch) / "measurement.json"
        arguments = (name, task.model, task.seconds, task.threads, answer)
        subprocess.run(
            [sys.executable, "-m", "bench.contender", *map(str, arguments)],
            check=True,
            stdout=sys.stderr,
        )
        return Measurement.from_json(answer.read_text())


def main() -> None:
    """Measure the contender named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("model", type=Path)
    parser.add_argument("seconds", type=float)
    parser.add_argument("threads", type=int)
    parser.add_argument("answer", type=Path)
    args = parser.parse_args()
    measurement = _run(args.name, Task(args.model, args.seconds, args.threads))
    args.answer.write_text(measurement.to_json())


def _run(name: str, task: Task) -> Measurement:
    # Each contender pays for its own imports only: they are part of its memory.
    if name == TRANSFORMERS:
        from bench.transformers_run import run_transformers  # noqa: PLC0415

        return run_transformers(task)
    precision = bark_cpp_precision(name)
    if precision is not None:
        from bench.bark_cpp_run import run_bark_cpp  # noqa: PLC0415

        return run_bark_cpp(precision, task)
    from bench.barkstream_run import run_barkstream  # noqa: PLC0415

    return run_barkstream(barkstream_contender(name), task)


if __name__ == "__main__":
    main()

"""One measurement in a process of its own: prints a line of JSON. Used by first_audio.py."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from bench.contenders import TRANSFORMERS, barkstream_contender
from bench.measurement import Measurement
from bench.task import Task


def measure(name: str, task: Task) -> Measurement:
    """Run one contender in a fresh process and read its figures.

    Raises:
        CalledProcessError: It failed; it has said why on the terminal.
    """
    answer = subprocess.run(
        [
            *(sys.executable, "-m", "bench.contender"),
            *(name, str(task.model), str(task.seconds), str(task.threads)),
        ],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return Measurement.from_json(answer.stdout.splitlines()[-1])


def main() -> None:
    """Measure the contender named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("model", type=Path)
    parser.add_argument("seconds", type=float)
    parser.add_argument("threads", type=int)
    args = parser.parse_args()
    print(_run(args.name, Task(args.model, args.seconds, args.threads)).to_json())


def _run(name: str, task: Task) -> Measurement:
    # Each contender pays for its own imports only: they are part of its memory.
    if name == TRANSFORMERS:
        from bench.transformers_run import run_transformers  # noqa: PLC0415

        return run_transformers(task)
    from bench.barkstream_run import run_barkstream  # noqa: PLC0415

    return run_barkstream(barkstream_contender(name), task)


if __name__ == "__main__":
    main()

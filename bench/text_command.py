"""What the commands that speak whole texts have in common: their model, their rounds."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bark_core.errors import OptionError
from bench.contenders import barkstream_contender
from bench.machine import machine
from bench.text_report import TextRuns, text_table, write_text_json
from bench.text_run import NOISE, TextMeasurement, TextTask, measure_text

RESULTS = Path(__file__).resolve().parent / "results"
SIZES = (NOISE, "tiny", "small", "large")
MAX_ROUNDS = 100


def text_parser(description: str, output: str) -> argparse.ArgumentParser:
    """Options of every such command."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--size", choices=SIZES, default=NOISE, help="noise: quick, and no measure of a real voice"
    )
    parser.add_argument("--contender", default="low-latency/onnx", help="windows/back end")
    parser.add_argument(
        "--sentence-s", type=float, default=2.5, help="length of each sentence's audio"
    )
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--model", type=Path, help="directory for the random weights (kept)")
    parser.add_argument("--output", type=Path, default=RESULTS / output)
    return parser


def parse(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """The command line, checked."""
    args = parser.parse_args()
    if args.sentence_s <= 0 or not 1 <= args.rounds <= MAX_ROUNDS:
        parser.error(f"--sentence-s must be above 0, --rounds 1 to {MAX_ROUNDS}")
    try:
        barkstream_contender(args.contender)
    except (ValueError, OptionError) as error:
        parser.error(str(error))
    return args


@contextmanager
def checkpoint_of(args: argparse.Namespace) -> Iterator[str]:
    """The checkpoint of the size asked for; random weights are written first."""
    if args.size == NOISE:
        yield NOISE
        return
    from bench.random_bark import SIZES as RANDOM_SIZES  # noqa: PLC0415 - imports transformers
    from bench.random_bark import write_random_bark  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as scratch:
        model = args.model or Path(scratch) / f"random-bark-{args.size}"
        print(f"Writing random weights of bark-{args.size}'s size ...", file=sys.stderr)
        write_random_bark(model, RANDOM_SIZES[args.size])
        yield str(model)


def alternate(tasks: Mapping[str, TextTask], rounds: int) -> dict[str, list[TextMeasurement]]:
    """Measure all tasks in turn, round after round.

    One of them runs once before and does not count: a back end may convert the checkpoint then.
    """
    measure_text(next(iter(tasks.values())))
    runs: dict[str, list[TextMeasurement]] = {name: [] for name in tasks}
    for number in range(1, rounds + 1):
        for name, task in tasks.items():
            run = measure_text(task)
            runs[name].append(run)
            print(
                f"round {number}: {name}: first audio {run.first_audio_s:.2f} s, real-time factor "
                f"{run.realtime_factor:.2f}",
                file=sys.stderr,
            )
    return runs


def report(args: argparse.Namespace, runs: TextRuns) -> None:
    """Print the table, write the figures."""
    settings: dict[str, Any] = {
        name: value for name, value in vars(args).items() if name not in ("output", "model")
    }
    write_text_json(args.output, settings, runs)
    print(json.dumps({**machine(), **settings}))
    print(text_table(runs))
    print(f"figures: {args.output}", file=sys.stderr)

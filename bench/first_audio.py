"""Time to first audio, real-time factor and memory, barkstream beside other people's Bark.

    python -m bench.first_audio [--size small] [--seconds 5] [--rounds 3]

One process for each measurement, alternating in rounds: the transformers package (float32),
bark.cpp where it is installed (16 and 8 bits), then each window policy on each back end (torch in
float32, ONNX Runtime in 8 bits). All load the same random weights (bench/random_bark.py), take the
same history prompt (bark.cpp has none) and make exactly the same number of tokens. The others
return everything at the end: their first audio is their total. bark.cpp is no requirement of ours:
pip install bark-cpp-python builds it with cmake.
barkstream is measured at its engine's border (ThreadEngine); gRPC adds a few milliseconds.

--windows and --backend may be given several times; a policy is "exact", "low-latency" or
option=value pairs of LowLatencyWindows, a back end may name its precision ("onnx:int4"):

    python -m bench.first_audio --backend onnx --without-peers --windows low-latency \
        --windows coarse_history_tokens=300,coarse_ramp_steps=60-120-240

Writes --output (bench/results/first_audio.json), prints the figures and the milliseconds of every
stage. Beside it lie the timelines of one utterance of each configuration of barkstream: when each
batch and each piece of audio was made and when it had to be heard, as JSON and, where matplotlib is
installed, as PNG.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

from bark_core.errors import OptionError
from bench.bark_cpp_run import quantise, weights_path
from bench.bark_cpp_weights import write_bark_cpp
from bench.contender import measure
from bench.contenders import (
    BARK_CPP,
    BARK_CPP_PRECISIONS,
    DEFAULT_BACKENDS,
    DEFAULT_WINDOWS,
    contender_names,
    peers,
)
from bench.first_audio_report import Runs, stage_table, table, write_json
from bench.machine import machine
from bench.random_bark import SIZES, write_random_bark
from bench.task import Task
from bench.timeline_report import timelines_of, write_timelines

HERE = Path(__file__).resolve().parent
MAX_ROUNDS = 100


def main() -> None:
    """Measure, print, write."""
    parser = _parser()
    args = parser.parse_args()
    if args.seconds <= 0 or not 1 <= args.rounds <= MAX_ROUNDS:
        parser.error(f"--seconds must be above 0, --rounds 1 to {MAX_ROUNDS}")
    try:
        contenders = contender_names(
            args.windows or DEFAULT_WINDOWS,
            args.backend or DEFAULT_BACKENDS,
            () if args.without_peers else peers(),
        )
    except (ValueError, OptionError) as error:
        parser.error(str(error))

    with tempfile.TemporaryDirectory() as scratch:
        model = args.model or Path(scratch) / f"random-bark-{args.size}"
        print(f"Writing random weights of bark-{args.size}'s size ...", file=sys.stderr)
        write_random_bark(model, SIZES[args.size])
        if any(name.startswith(BARK_CPP) for name in contenders):
            _write_for_bark_cpp(model)
        runs = _rounds(contenders, Task(model, args.seconds, args.threads), args.rounds)
        timelines = timelines_of(runs, model)

    settings = {
        "size": args.size,
        "seconds": args.seconds,
        "rounds": args.rounds,
        "threads": args.threads,
    }
    write_json(args.output, settings, runs)
    print(json.dumps({**machine(), **settings}))
    print(f"{table(runs)}\n\n{stage_table(runs)}")
    for note in (f"figures: {args.output}", *write_timelines(args.output, timelines)):
        print(note, file=sys.stderr)


def _write_for_bark_cpp(model: Path) -> None:
    write_bark_cpp(model, weights_path(model, BARK_CPP_PRECISIONS[0]))
    for precision in BARK_CPP_PRECISIONS[1:]:
        quantise(model, precision)


def _rounds(contenders: tuple[str, ...], task: Task, rounds: int) -> Runs:
    runs: Runs = {name: [] for name in contenders}
    for number in range(1, rounds + 1):
        for name in contenders:
            run = measure(name, task)
            runs[name].append(run)
            print(
                f"round {number}: {name}: first audio {run.first_audio_s:.2f} s, all of it "
                f"{run.total_s:.2f} s, real-time factor {run.realtime_factor:.2f}",
                file=sys.stderr,
            )
    return runs


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of the utterance")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--model", type=Path, help="directory for the random weights (kept)")
    parser.add_argument(
        "--windows",
        action="append",
        help="exact, low-latency, or option=value,... of LowLatencyWindows; several times",
    )
    parser.add_argument(
        "--backend", action="append", help="torch, onnx, onnx:int4 and so on; several times"
    )
    parser.add_argument(
        "--without-peers", action="store_true", help="only barkstream: no ratios, but sooner done"
    )
    parser.add_argument("--output", type=Path, default=HERE / "results" / "first_audio.json")
    return parser


if __name__ == "__main__":
    main()

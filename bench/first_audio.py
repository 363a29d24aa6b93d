"""Time to first audio and real-time factor, barkstream beside the transformers package.

    python -m bench.first_audio [--size small] [--seconds 5] [--rounds 3]

One process for each measurement, alternating in rounds: transformers, then both policies on both
back ends (torch in float32, ONNX Runtime in 8 bits). All load the same random weights
(bench/random_bark.py), take the same history prompt and make exactly the same number of tokens.
transformers returns everything at the end: its first audio is its total.
barkstream is measured at its engine's border (ThreadEngine); gRPC adds a few milliseconds.
Writes --output (bench/results/first_audio.json) and prints a table.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.machine import machine
from bench.random_bark import SIZES, write_random_bark

CONTENDERS = (
    "transformers",
    "exact/torch",
    "exact/onnx",
    "low-latency/torch",
    "low-latency/onnx",
)
HERE = Path(__file__).resolve().parent


def measure(contender: str, model: Path, seconds: float, threads: int) -> dict[str, float]:
    """Run one contender in a fresh process and read its figures."""
    answer = subprocess.run(
        [
            sys.executable,
            "-m",
            "bench.contender",
            contender,
            str(model),
            str(seconds),
            str(threads),
        ],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    figures: dict[str, float] = json.loads(answer.stdout.splitlines()[-1])
    return figures


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of the utterance")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--model", type=Path, help="directory for the random weights (kept)")
    parser.add_argument("--output", type=Path, default=HERE / "results" / "first_audio.json")
    parser.add_argument("--only", choices=CONTENDERS, action="append")
    args = parser.parse_args()

    with tempfile.TemporaryDirectory() as scratch:
        model = args.model or Path(scratch) / f"random-bark-{args.size}"
        print(f"Writing random weights of bark-{args.size}'s size ...", file=sys.stderr)
        write_random_bark(model, SIZES[args.size])
        contenders = args.only or list(CONTENDERS)
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in contenders}
        for number in range(args.rounds):
            for name in contenders:
                figures = measure(name, model, args.seconds, args.threads)
                runs[name].append(figures)
                print(f"round {number + 1}: {name}: {figures}", file=sys.stderr)

    settings = {"size": args.size, "rounds": args.rounds, "threads": args.threads}
    result = {"machine": machine(), "settings": settings, "runs": runs}
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps({**result["machine"], **settings}))
    print_table(runs)


def print_table(runs: dict[str, list[dict[str, float]]]) -> None:
    """Medians of each figure; ratios against transformers round by round, their median."""
    print(
        "| | audio s | first audio s | total s | real-time factor | first audio, ratio | "
        "total, ratio | peak memory MB |"
    )
    print("|---|---|---|---|---|---|---|---|")
    peer = runs.get("transformers")
    for name, figures in runs.items():

        def median(key: str, figures: list[dict[str, float]] = figures) -> float:
            return statistics.median(run[key] for run in figures)

        def ratio(key: str, figures: list[dict[str, float]] = figures) -> str:
            if not peer:
                return "-"
            pairs = zip(figures, peer, strict=True)
            return f"1/{1 / statistics.median(a[key] / b[key] for a, b in pairs):.2f}"

        factor = median("total_s") / median("audio_s")
        print(
            f"| {name} | {median('audio_s'):.2f} | {median('first_audio_s'):.2f} "
            f"| {median('total_s'):.2f} | {factor:.2f} | {ratio('first_audio_s')} "
            f"| {ratio('total_s')} | {median('peak_memory_mb'):.0f} |"
        )


if __name__ == "__main__":
    main()

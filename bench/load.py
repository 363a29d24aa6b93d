"""Many callers at once: underruns, time to first audio, refusals and fairness of a real server.

    python -m bench.load [--rate 0.5] [--seconds 30] [--slots 4] [--compare-one-at-a-time]

Starts ``barkstream serve`` as a child process and calls it like people over gRPC on this machine:
Poisson arrivals, sessions with turns and pauses, barge-ins, texts that are still being written,
slow readers, and an ear for each caller that counts every underrun. With --compare-one-at-a-time
the same people call the same server limited to one slot as well, alternating in rounds. The
generator shares the machine with the server; its own lateness is among the figures.
Writes --output (bench/results/load.json), prints a table, and draws a PNG beside the JSON file
where matplotlib is installed.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.arrivals import Behaviour, CallerPlan, plan_callers
from bench.call_records import RunRecord
from bench.load_figures import LoadFigures, figures_of
from bench.load_plot import plot
from bench.load_report import Figures, model_note, ratio_table, ratios, table, write_json
from bench.load_run import RunSettings, run_load
from bench.load_server import ServerSettings

HERE = Path(__file__).resolve().parent
MAX_SECONDS = 3600.0
MAX_ROUNDS = 10
ONE_AT_A_TIME = "one at a time"


def main() -> None:
    """Call, print, write."""
    parser = _parser()
    args = parser.parse_args()
    if not 0 < args.seconds <= MAX_SECONDS or not 1 <= args.rounds <= MAX_ROUNDS or args.rate <= 0:
        parser.error(
            f"--rate must be above 0, --seconds at most {MAX_SECONDS:g}, --rounds 1 to {MAX_ROUNDS}"
        )
    behaviour = Behaviour(rate_per_s=args.rate, patience_s=args.patience_s)
    try:
        plans = plan_callers(behaviour, args.seconds, args.seed)
    except ValueError as error:
        parser.error(str(error))
    server = ServerSettings(
        checkpoint=args.checkpoint,
        backend=args.backend,
        slots=args.slots,
        threads=args.threads,
        max_waiting=args.max_waiting,
        max_lead_s=args.max_lead_s,
        max_hold_s=args.max_hold_s,
    )
    contenders = {f"{args.slots} slots": server}
    if args.compare_one_at_a_time:
        contenders[ONE_AT_A_TIME] = replace(server, slots=1)
    settings = RunSettings(args.seconds, args.drain_s, args.patience_s)

    runs: dict[str, list[RunRecord]] = {name: [] for name in contenders}
    model = ""
    for number in range(1, args.rounds + 1):
        for name, contender in contenders.items():
            print(f"round {number}: {len(plans)} callers, {name} ...", file=sys.stderr)
            run, model = asyncio.run(_run(plans, contender, settings))
            runs[name].append(run)
    _report(args, model, runs)


async def _run(
    plans: tuple[CallerPlan, ...], server: ServerSettings, settings: RunSettings
) -> tuple[RunRecord, str]:
    run, info = await run_load(plans, server, settings)
    return run, model_note(server.checkpoint, info.model)


def _report(args: argparse.Namespace, model: str, runs: dict[str, list[RunRecord]]) -> None:
    figures: Figures = {name: [figures_of(run) for run in rounds] for name, rounds in runs.items()}
    compared: dict[str, float | None] | None = None
    print(f"Model: {model}")
    for name, failures in _failures(runs).items():
        print(f"FAILED CALLS, {name}: {dict(failures)}")
    print(table(figures))
    if args.compare_one_at_a_time:
        many: list[LoadFigures] = figures[next(iter(figures))]
        compared = ratios(many, figures[ONE_AT_A_TIME])
        print()
        print(ratio_table(compared))
    settings: dict[str, Any] = {
        name: value for name, value in vars(args).items() if name != "output"
    }
    write_json(args.output, settings, model, figures, compared)
    print(f"figures: {args.output}", file=sys.stderr)
    print(plot(args.output.with_suffix(".png"), runs), file=sys.stderr)


def _failures(runs: dict[str, list[RunRecord]]) -> dict[str, Counter[str]]:
    """How calls failed that should not have; contenders without any are left out."""
    counts = {
        name: Counter(caller.failure for run in rounds for caller in run.callers if caller.failure)
        for name, rounds in runs.items()
    }
    return {name: count for name, count in counts.items() if count}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rate", type=float, default=0.5, help="callers that arrive in a second")
    parser.add_argument("--seconds", type=float, default=30.0, help="callers arrive for so long")
    parser.add_argument("--seed", type=int, default=1, help="same seed, same callers")
    parser.add_argument("--checkpoint", default="embedded", help="as of `barkstream serve`")
    parser.add_argument("--backend", default="auto", help="as of `barkstream serve`")
    parser.add_argument("--slots", type=int, default=4, help="as of `barkstream serve`")
    parser.add_argument("--threads", type=int, help="as of `barkstream serve`")
    parser.add_argument("--max-waiting", type=int, help="as of `barkstream serve`")
    parser.add_argument("--max-lead-s", type=float, help="as of `barkstream serve`")
    parser.add_argument("--max-hold-s", type=float, help="as of `barkstream serve`")
    parser.add_argument(
        "--compare-one-at-a-time",
        action="store_true",
        help="the same callers before the same server with one slot, alternating",
    )
    parser.add_argument("--rounds", type=int, default=1, help="of all contenders")
    parser.add_argument(
        "--patience-s", type=float, default=10.0, help="silence until a caller hangs up"
    )
    parser.add_argument(
        "--drain-s", type=float, default=15.0, help="how long begun turns may go on at the end"
    )
    parser.add_argument("--output", type=Path, default=HERE / "results" / "load.json")
    return parser


if __name__ == "__main__":
    main()

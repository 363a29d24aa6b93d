"""A soak: thousands of calls with random cancels and kills, and what must be left afterwards.

    python -m bench.soak [--calls 5000] [--backend onnx] [--only NUMBER]

Starts ``barkstream serve`` (engine in a process of its own) and storms it, several calls at once:
unary, streams, sessions, barge-ins at random moments, closed connections, killed client processes,
slow and frozen readers, deadlines, nonsense; in the last lap the engine process is killed as well.
After every lap all slots must be free and no session, task, thread or file may be left; memory must
be flat from the first lap on; and whatever was heard must be, byte for byte, what the same call
made alone brings. Whatever is wrong is printed with the number of its call, which --only repeats;
the exit code is 1 then. Linux only. Writes --output (bench/results/soak.json) and a PNG beside it
where matplotlib is installed.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from bench.soak.report import plot, text, write_json
from bench.soak.run import SoakSettings, soak

RESULTS = Path(__file__).resolve().parents[1] / "results"
MAX_CALLS = 1_000_000
MIN_LAPS = 3


def main() -> None:
    """Storm, print, write."""
    parser = _parser()
    args = vars(parser.parse_args())
    output: Path = args.pop("output")
    settings = SoakSettings(**args)
    if not Path("/proc/self/fd").exists():
        parser.error("a soak looks into /proc: it needs Linux")
    if not MIN_LAPS <= settings.laps <= settings.calls <= MAX_CALLS or settings.at_once < 1:
        parser.error(f"--laps must be at least {MIN_LAPS}, --calls from --laps to {MAX_CALLS}")
    with tempfile.TemporaryDirectory(prefix="barkstream-soak-") as directory:
        result = asyncio.run(soak(settings, Path(directory)))
    print(text(result))
    write_json(output, asdict(settings), result)
    print(f"figures: {output}", file=sys.stderr)
    print(plot(output.with_suffix(".png"), result), file=sys.stderr)
    sys.exit(1 if result.problems else 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--calls", type=int, default=5000, help="so many")
    parser.add_argument("--laps", type=int, default=5, help="a quiet moment after each")
    parser.add_argument("--at-once", type=int, default=12, help="calls at the same time")
    parser.add_argument("--kills", type=int, default=5, help="engines killed in the last lap")
    parser.add_argument("--seed", type=int, default=1, help="same seed, same calls")
    parser.add_argument("--checkpoint", default="noise", help="as of `barkstream serve`")
    parser.add_argument("--backend", default="auto", help="as of `barkstream serve`")
    parser.add_argument("--slots", type=int, default=4, help="as of `barkstream serve`")
    parser.add_argument(
        "--most-growth", type=float, default=0.05, help="of memory after the first lap, a share"
    )
    parser.add_argument("--only", type=int, help="make the call of this number, alone")
    parser.add_argument("--output", type=Path, default=RESULTS / "soak.json")
    return parser


if __name__ == "__main__":
    main()

"""How cost grows with the length of a text: first audio, real-time factor, memory.

    python -m bench.growth [--size small] [--sentences 1 2 4 8 12]

Every length is spoken in a process of its own, through the speech layer, after one sentence to warm
up. First audio, real-time factor and memory should not depend on the length. Peak memory is that of
the time of speaking. Writes --output (bench/results/growth.json), prints a table, and draws a PNG
beside it where matplotlib is installed.
"""

from __future__ import annotations

import sys

from bench.text_command import alternate, checkpoint_of, parse, report, text_parser
from bench.text_report import plot_growth
from bench.text_run import TextTask

LENGTHS = (1, 2, 4, 8, 12)


def main() -> None:
    """Measure, print, write."""
    parser = text_parser(__doc__.split("\n", 1)[0], "growth.json")
    parser.add_argument("--sentences", type=int, nargs="+", default=LENGTHS)
    parser.add_argument("--slots", type=int, default=2, help="2: the next sentence is made ahead")
    args = parse(parser)
    if min(args.sentences) < 1 or args.slots < 1:
        parser.error("--sentences and --slots must be at least 1")
    with checkpoint_of(args) as checkpoint:
        tasks = {
            f"{count} sentence{'s' * (count > 1)}": TextTask(
                checkpoint, args.contender, count, args.sentence_s, args.slots, args.threads
            )
            for count in args.sentences
        }
        runs = alternate(tasks, args.rounds)
    report(args, runs)
    title = f"{args.contender}, {args.size} model, sentences of {args.sentence_s:g} s"
    print(plot_growth(args.output.with_suffix(".png"), title, runs), file=sys.stderr)


if __name__ == "__main__":
    main()

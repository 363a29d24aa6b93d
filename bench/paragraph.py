"""The real-time factor of a paragraph beside that of one sentence.

    python -m bench.paragraph [--size small] [--rounds 3]

Six sentences, each an utterance of one stream: made one after another (one slot), with the next one
made ahead in the same batches (two slots), and with all of them made at once (six). Writes --output
(bench/results/paragraph.json) and prints a table.
"""

from __future__ import annotations

from bench.text_command import alternate, checkpoint_of, parse, report, text_parser
from bench.text_run import SENTENCES, TextTask

PARAGRAPH = len(SENTENCES)


def main() -> None:
    """Measure, print, write."""
    args = parse(text_parser(__doc__.split("\n", 1)[0], "paragraph.json"))
    with checkpoint_of(args) as checkpoint:

        def task(sentences: int, slots: int) -> TextTask:
            return TextTask(
                checkpoint, args.contender, sentences, args.sentence_s, slots, args.threads
            )

        tasks = {
            "one sentence": task(1, 1),
            f"{PARAGRAPH} sentences, one after another": task(PARAGRAPH, 1),
            f"{PARAGRAPH} sentences, the next one made ahead": task(PARAGRAPH, 2),
            f"{PARAGRAPH} sentences, all of them at once": task(PARAGRAPH, PARAGRAPH),
        }
        runs = alternate(tasks, args.rounds)
    report(args, runs)


if __name__ == "__main__":
    main()

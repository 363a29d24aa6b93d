"""The table of a model card."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from bench.quality.figures import Figures, mistakes, table

BEGIN, END = "<!-- quality -->", "<!-- end of quality -->"


def write_card(card: Path, rows: Sequence[Figures], count: int) -> None:
    """Replace what stands between the marks of a model card by what the judges say.

    Args:
        card: Markdown.
        rows: All voices, all ways.
        count: Sentences of each.

    Raises:
        ValueError: It has no marks.
    """
    text = card.read_text("utf-8")
    wrong = "\n".join(f"* {line}" for line in mistakes(rows).splitlines())
    part = (
        f"{count} held-out sentences of each voice, one seed each.\n\n{table(rows)}\n\n"
        f"<details><summary>Every sentence that was not understood in full</summary>\n\n"
        f"{wrong}\n\n</details>"
    )
    marked = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)
    new, found = marked.subn(lambda _: f"{BEGIN}\n{part}\n{END}", text)
    if not found:
        raise ValueError(f"{card} has no {BEGIN} ... {END}: put them where the table belongs")
    card.write_text(new, "utf-8")

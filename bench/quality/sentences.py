"""What is spoken, and how long a teacher takes to say it."""

from __future__ import annotations

import json
from pathlib import Path

HELD_OUT = Path(__file__).resolve().parents[2] / "training" / "texts" / "held_out.txt"

# Where no teacher is known: Kokoro's voices speak the held-out sentences at about this rate.
CHARACTERS_PER_S = 15.0
SHORTEST_S = 0.8


def sentences(file: Path, count: int) -> list[str]:
    """``count`` lines of a file, evenly spread over it."""
    lines = [line for line in file.read_text("utf-8").splitlines() if line.strip()]
    if count >= len(lines):
        return lines
    return [lines[number * len(lines) // count] for number in range(count)]


class Teacher:
    """How long each sentence takes.

    Args:
        file: JSON {sentence: seconds}; None: by the number of characters.
    """

    def __init__(self, file: Path | None) -> None:
        self._known: dict[str, float] = {} if file is None else json.loads(file.read_text("utf-8"))

    def seconds(self, text: str) -> float:
        """Of one sentence."""
        return self._known.get(text, max(SHORTEST_S, len(text) / CHARACTERS_PER_S))

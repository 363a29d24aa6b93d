"""What every contender is asked to speak: one utterance of given length, in one voice."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

SEMANTIC_RATE_HZ = 49.9
WARM_UP_TOKENS = 4
SEED = 1


@dataclass(frozen=True, slots=True)
class Task:
    """One utterance.

    Attributes:
        model: Directory of ``random_bark``.
        seconds: Length of the audio; the number of semantic tokens is forced to match.
        threads: Of the CPU.
        text_tokens: Length of the text.
    """

    model: Path
    seconds: float
    threads: int
    text_tokens: int = 24

    @property
    def semantic_tokens(self) -> int:
        """Tokens to make."""
        return math.ceil(self.seconds * SEMANTIC_RATE_HZ)

    @property
    def text_ids(self) -> tuple[int, ...]:
        """WordPiece ids; which ones does not matter to the cost."""
        return tuple(range(1000, 1000 + self.text_tokens))

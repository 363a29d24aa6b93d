"""What a fake back end is told to do. Plain frozen data: it crosses into spawned processes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Effect(Enum):
    """What a fault does."""

    RAISE = "raise"  # execute raises RuntimeError
    HANG = "hang"  # execute does not return for ``Fault.hang_s``
    EXIT = "exit"  # the process ends at once, without a word
    NOT_FINITE = "not_finite"  # the row's audio is NaN (codec only)


@dataclass(frozen=True, slots=True)
class Fault:
    """When something goes wrong. A fault strikes where all its conditions hold, never in warm-up.

    Attributes:
        effect: What happens.
        batch: Only in batches of this class ("SemanticStep", "FinePass" ...); None: in any.
        text_id: Only if a row belongs to an utterance whose text holds this WordPiece id.
        step: Only if a row's draw key has this step (semantic, coarse and fine rows have one).
        at: Only at the n-th (from 0) batch for which the other conditions hold; None: at each.
        times: It strikes so many times in the life of the back end, then never again.
        hang_s: How long HANG takes.
    """

    effect: Effect
    batch: str | None = None
    text_id: int | None = None
    step: int | None = None
    at: int | None = None
    times: int = 1_000_000
    hang_s: float = 3600.0


@dataclass(frozen=True, slots=True)
class Cost:
    """Pretended model time of a batch: ``batch_s + rows * row_s``."""

    batch_s: float = 0.0
    row_s: float = 0.0


@dataclass(frozen=True, slots=True)
class FakeScript:
    """Behaviour of a fake.

    Attributes:
        lengths: Semantic tokens of the utterances by their index in the text, repeating. Empty:
            ``tokens_per_text_id`` for every WordPiece id.
        tokens_per_text_id: Semantic tokens per WordPiece id where ``lengths`` is empty (speech has
            about 19; fewer make tests quicker).
        costs: Time of each class of batch by class name; the others take none.
        start_s: Pretended loading time.
        faults: What goes wrong, and when.
    """

    lengths: tuple[int, ...] = ()
    tokens_per_text_id: int = 12
    costs: tuple[tuple[str, Cost], ...] = ()
    start_s: float = 0.0
    faults: tuple[Fault, ...] = ()

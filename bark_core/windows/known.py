"""What is known of an utterance's length while it is still being made."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Known:
    """Frames of an utterance: how many there are and how many there will be.

    Attributes:
        frames: Made so far by the stage before.
        at_least: The utterance will have at least so many (``frames`` or more).
        total: It will have exactly so many; None while the semantic stage goes on.
    """

    frames: int
    at_least: int
    total: int | None

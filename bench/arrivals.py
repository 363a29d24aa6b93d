"""Who will call and what they will do: made from a seed before anything runs.

The same seed makes the same callers, so two servers can be put before the same people.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# So many callers may be planned for one run.
MAX_CALLERS = 5_000

SENTENCES = (
    "Good morning, how can I help you today?",
    "Your parcel left the depot an hour ago and should be with you by noon.",
    "Let me look that up.",
    "I am afraid the last train has already gone.",
    "The doctor has two free appointments on Thursday, one at nine and one at four.",
    "Yes, that works.",
    "Please tell me the last four digits of your card.",
    "It will rain in the afternoon, so take an umbrella with you.",
    "Thank you for waiting.",
    "I have changed the address, and a confirmation is on its way to you.",
    "Could you say that once more?",
    "The library closes at eight, but the reading room stays open until ten.",
)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What people are like.

    Attributes:
        rate_per_s: Callers that arrive in a second, on average.
        max_turns: A caller has one to so many turns.
        max_sentences: A turn has one to so many sentences.
        pause_s: Mean pause between two turns.
        gap_s: Longest time that a text which is still being written stands still.
        barge_in_share: Turns that are interrupted while they are heard.
        barge_in_s: Bounds of how much of such a turn is heard.
        still_written_share: Turns whose later sentences are written while the first is spoken.
        slow_share: Callers that read more slowly than they listen.
        patience_s: A caller that is owed speech and hears none for so long hangs up.
    """

    rate_per_s: float = 0.5
    max_turns: int = 4
    max_sentences: int = 3
    pause_s: float = 1.0
    gap_s: float = 2.0
    barge_in_share: float = 0.25
    barge_in_s: tuple[float, float] = (0.1, 1.5)
    still_written_share: float = 0.2
    slow_share: float = 0.1
    patience_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Turn:
    """One text.

    Attributes:
        parts: What is appended at once; between two parts the writer thinks.
        gaps_s: How long it thinks before each part but the first.
        barge_in_s: It is cancelled when so much was heard; None: it is heard to its end.
        pause_s: How long the caller is silent afterwards.
        seed: Of its speech.
    """

    parts: tuple[str, ...]
    gaps_s: tuple[float, ...]
    barge_in_s: float | None
    pause_s: float
    seed: int


@dataclass(frozen=True, slots=True)
class CallerPlan:
    """One caller. ``slow``: reads more slowly than it listens."""

    number: int
    arrival_s: float
    slow: bool
    turns: tuple[Turn, ...]


def plan_callers(behaviour: Behaviour, duration_s: float, seed: int) -> tuple[CallerPlan, ...]:
    """A Poisson process of callers.

    Raises:
        ValueError: More callers than one run may have are to be expected.
    """
    if behaviour.rate_per_s * duration_s > MAX_CALLERS / 2:
        raise ValueError(
            f"{behaviour.rate_per_s:g} callers a second for {duration_s:g} s are more than "
            f"{MAX_CALLERS // 2}: lower --rate or --seconds"
        )
    rng = np.random.default_rng([seed, 0])
    plans: list[CallerPlan] = []
    arrival_s = rng.exponential(1 / behaviour.rate_per_s)
    while arrival_s < duration_s and len(plans) < MAX_CALLERS:
        plans.append(_caller(behaviour, len(plans), arrival_s, seed))
        arrival_s += rng.exponential(1 / behaviour.rate_per_s)
    return tuple(plans)


def _caller(behaviour: Behaviour, number: int, arrival_s: float, seed: int) -> CallerPlan:
    # A stream of numbers for each caller: a changed habit of one does not change the others.
    rng = np.random.default_rng([seed, 1, number])
    slow = bool(rng.random() < behaviour.slow_share)
    turns = tuple(_turn(behaviour, rng) for _ in range(rng.integers(1, behaviour.max_turns + 1)))
    return CallerPlan(number, arrival_s, slow, turns)


def _turn(behaviour: Behaviour, rng: np.random.Generator) -> Turn:
    count = int(rng.integers(1, behaviour.max_sentences + 1))
    sentences = [str(sentence) for sentence in rng.choice(SENTENCES, count, replace=False)]
    still_written = bool(rng.random() < behaviour.still_written_share)
    parts = tuple(sentences) if still_written else (" ".join(sentences),)
    gaps_s = tuple(float(gap_s) for gap_s in rng.uniform(0, behaviour.gap_s, len(parts) - 1))
    interrupted = bool(rng.random() < behaviour.barge_in_share)
    heard_s = float(rng.uniform(*behaviour.barge_in_s))
    return Turn(
        parts=parts,
        gaps_s=gaps_s,
        barge_in_s=heard_s if interrupted else None,
        pause_s=float(rng.exponential(behaviour.pause_s)),
        seed=int(rng.integers(1, 2**31)),
    )

"""What every call of a soak is: drawn from the soak's seed and the call's number alone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np


class Kind(StrEnum):
    """Kinds of calls."""

    UNARY = "unary"
    STREAM = "stream"
    STREAM_CANCELLED = "stream cancelled"
    UNARY_CANCELLED = "unary cancelled"
    SESSION = "session"  # several contexts; some are barged into
    SESSION_LEFT = "session left"  # with live contexts
    CHANNEL_CLOSED = "channel closed"  # in mid-call
    PAST_DEADLINE = "past its deadline"
    BAD_INPUT = "bad input"
    SLOW_READER = "slow reader"
    FROZEN_READER = "frozen reader"
    CLIENT_KILLED = "client killed"  # a process with several calls
    BYSTANDER = "bystander"  # load, voices, health


# Per thousand calls.
SHARES = {
    Kind.UNARY: 140,
    Kind.STREAM: 140,
    Kind.STREAM_CANCELLED: 150,
    Kind.UNARY_CANCELLED: 70,
    Kind.SESSION: 190,
    Kind.SESSION_LEFT: 60,
    Kind.CHANNEL_CLOSED: 70,
    Kind.PAST_DEADLINE: 70,
    Kind.BAD_INPUT: 65,
    Kind.SLOW_READER: 8,
    Kind.FROZEN_READER: 5,
    Kind.CLIENT_KILLED: 7,
    Kind.BYSTANDER: 25,
}


@dataclass(frozen=True, slots=True)
class CallPlan:
    """One call. Everything else about it is drawn from `draws`."""

    seed: int
    number: int
    kind: Kind

    def draws(self, stream: int = 0) -> np.random.Generator:
        """Random numbers of this call; each ``stream`` has its own."""
        return np.random.default_rng([self.seed, 2, self.number, stream])


def plan_call(seed: int, number: int) -> CallPlan:
    """The call of a number. The first ones are one of each kind."""
    kinds = list(SHARES)
    if number < len(kinds):
        return CallPlan(seed, number, kinds[number])
    weights = np.array(list(SHARES.values()), float)
    draw = np.random.default_rng([seed, 3, number]).choice(len(kinds), p=weights / weights.sum())
    return CallPlan(seed, number, kinds[draw])

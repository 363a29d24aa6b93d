"""How long an utterance will be, before its semantic stage has ended."""

from __future__ import annotations

import math

from bark_core.config import BarkConfig
from bark_core.engine.request import UtteranceRequest

SECONDS_PER_TEXT_ID = 0.38
"""Of speech, where the request does not say what is typical: Bark says a WordPiece in that time."""

USUAL_DEVIATION = 0.25
"""Of the real length from what is typical for the text, until some were measured."""

LEAST_WEIGHT = 0.1
"""Of the newest utterance in the means."""

MAX_RATIO = 3.0
"""What a single utterance may say about the others: a model that rambles says little."""

GROWTH = 1.15
"""An utterance that is longer than expected goes on for a part of what it has."""


class LengthMeter:
    """Learns how the lengths of this model relate to what is typical for their texts."""

    def __init__(self, config: BarkConfig) -> None:
        self._semantic = config.semantic
        self._ratio = 1.0
        self._deviation = USUAL_DEVIATION
        self._count = 1

    def add(self, request: UtteranceRequest, tokens: int) -> None:
        """An utterance has had so many semantic tokens."""
        usual_s = typical_s(request)
        if not usual_s or _given_tokens(request) is not None:
            return
        self._count += 1
        weight = max(LEAST_WEIGHT, 1 / self._count)
        off = min(tokens / self._semantic.rate_hz / usual_s, MAX_RATIO) - self._ratio
        self._ratio += weight * off
        self._deviation += weight * (abs(off) - self._deviation)

    def speech_s(self, typical_s: float) -> float:
        """Length of a text, a little pessimistic: one mean deviation above the mean."""
        return typical_s * (self._ratio + self._deviation)

    def tokens(self, request: UtteranceRequest, so_far: int = 0) -> int:
        """Semantic tokens of an utterance that goes on; more than ``so_far``, within its limits."""
        given = _given_tokens(request)
        if given is not None:
            return given
        expected = round(self.speech_s(typical_s(request)) * self._semantic.rate_hz)
        limit = self._semantic.max_new_tokens
        expected = max(expected, math.ceil(so_far * GROWTH), 1)
        if not request.options.allow_early_stop:
            expected = limit
        if request.options.max_duration_s is not None:
            # One token past the bound remains, as in the reference.
            bound = math.floor(request.options.max_duration_s * self._semantic.rate_hz) + 1
            limit = min(limit, bound)
        return min(expected, limit)


def typical_s(request: UtteranceRequest) -> float:
    """How long such a text usually takes to say."""
    if request.typical_s is not None:
        return request.typical_s
    return SECONDS_PER_TEXT_ID * len(request.text_ids)


def _given_tokens(request: UtteranceRequest) -> int | None:
    """Where the request itself says how many tokens there are."""
    if request.semantic_tokens is not None:
        return len(request.semantic_tokens)
    return request.options.forced_semantic_tokens

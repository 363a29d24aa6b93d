"""Text -> semantic tokens."""

from __future__ import annotations

import math

import numpy as np

from bark_core.backends.base import (
    IntArray,
    SemanticDraw,
    SemanticPrefillRow,
    SemanticStepRow,
)
from bark_core.config import BarkConfig
from bark_core.engine.request import UtteranceRequest
from bark_core.engine.work import Work
from bark_core.sampling import DrawKey, Stage
from bark_core.voices import Voice


class SemanticStage:
    """Draws tokens until the end token or a limit.

    Attributes:
        tokens: Made so far.
        ended: No more will come.
        hit_limit: It ended at a limit, not at the end token.
    """

    def __init__(self, config: BarkConfig, request: UtteranceRequest, voice: Voice | None) -> None:
        self._config = config.semantic
        self._request = request
        self._voice = voice
        self._forced = request.options.forced_semantic_tokens
        self._limit = config.semantic.max_new_tokens if self._forced is None else self._forced
        self.tokens: list[int] = list(request.semantic_tokens or ())
        self.ended = request.semantic_tokens is not None or self._limit == 0
        self.hit_limit = False

    @property
    def steps_left(self) -> int:
        """Tokens that it may make at most until it ends."""
        count, bound_s = len(self.tokens), self._request.options.max_duration_s
        most = self._limit
        if bound_s is not None:
            most = min(most, math.floor(bound_s * self._config.rate_hz) + 1)
        return most - count

    def ready(self) -> Work | None:
        """What it could run now."""
        if self.ended:
            return None
        return Work.SEMANTIC_STEP if self.tokens else Work.SEMANTIC_PREFILL

    def prefill_row(self, slot: int) -> SemanticPrefillRow:
        """Text and history, padded."""
        config = self._config
        width = config.max_text_tokens
        text = np.full(width, config.text_pad_token, np.int64)
        ids = self._request.text_ids[:width]
        text[: len(ids)] = np.asarray(ids, np.int64) + config.text_offset
        return SemanticPrefillRow(slot, text, self._history(), self.draw())

    def step_row(self, slot: int) -> SemanticStepRow:
        """The last token."""
        return SemanticStepRow(slot, self.tokens[-1], self.draw())

    def accept(self, token: int | None) -> None:
        """Take the drawn token; None is the end."""
        if token is None:
            self.ended = True
            return
        self.tokens.append(token)
        count, bound_s = len(self.tokens), self._request.options.max_duration_s
        # The reference checks the duration after appending: one token past the bound remains.
        too_long = bound_s is not None and count / self._config.rate_hz > bound_s
        if too_long or count >= self._limit:
            self.ended = True
            self.hit_limit = too_long or self._forced is None

    def _history(self) -> IntArray:
        history = np.full(self._config.max_text_tokens, self._config.pad_token, np.int64)
        if self._voice is not None:
            last = self._voice.semantic[-history.size :]
            history[: last.size] = last
        return history

    def draw(self, later: int = 0) -> SemanticDraw:
        """How the next token is drawn, or one that comes so many after it."""
        options = self._request.options
        key = DrawKey(options.seed, self._request.index, Stage.SEMANTIC, len(self.tokens) + later)
        return SemanticDraw(
            key=key,
            params=options.semantic,
            min_eos_p=options.min_eos_p,
            allow_eos=options.allow_early_stop and self._forced is None,
        )

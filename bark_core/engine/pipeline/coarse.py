"""Semantic tokens -> flattened coarse tokens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from bark_core.backends.base import CoarseDraw, CoarsePrefillRow, CoarseStepRow, IntArray
from bark_core.config import BarkConfig
from bark_core.engine.request import UtteranceRequest
from bark_core.engine.work import Work
from bark_core.sampling import DrawKey, Stage
from bark_core.voices import Voice
from bark_core.windows import CoarsePlan
from bark_core.windows.history import DROPPED_COARSE_TOKENS


class CoarseStage:
    """Draws coarse tokens window by window.

    Attributes:
        ids: Model ids made so far, codebooks interleaved.
    """

    def __init__(
        self,
        config: BarkConfig,
        request: UtteranceRequest,
        voice: Voice | None,
        plan: CoarsePlan,
    ) -> None:
        self._config = config
        self._request = request
        self._plan = plan
        self._semantic_history, self._coarse_history = _history(config, voice, plan)
        self._window = plan.window(0)
        self._ahead = plan.window(1)
        self._prefilled = False
        self.ids: list[int] = []

    def ready(self, semantic: Sequence[int], *, ended: bool) -> Work | None:
        """What it could run now, given the semantic tokens so far."""
        total = len(semantic) if ended else None
        made = len(self.ids)
        if made in (self._window.start_step, self._window.end_step):
            # Asked again until it starts: knowing the total may show that the prompt stands still.
            index = self._window.index + (made == self._window.end_step)
            self._window = self._plan.window(index, total)
            self._prefilled = self._window.continues
        until = self._plan.runnable_until(self._window, len(semantic), ended=ended)
        if len(self.ids) >= until:
            return None
        return Work.COARSE_STEP if self._prefilled else Work.COARSE_PREFILL

    def steps_left(self, semantic: Sequence[int], *, ended: bool) -> int:
        """Tokens that it may make in the present window, given the semantic tokens so far."""
        until = self._plan.runnable_until(self._window, len(semantic), ended=ended)
        return until - len(self.ids)

    def starved(self, semantic: Sequence[int], *, ended: bool) -> bool:
        """The window after the present one could not start: semantic tokens are missing."""
        if ended:
            return False
        if self._ahead.index <= self._window.index:
            self._ahead = self._plan.window(self._window.index + 1)
        return len(semantic) < self._ahead.visible_tokens

    def until(self, steps: int, semantic: Sequence[int], *, ended: bool) -> Counter[Work]:
        """Batches needed, at least, until so many tokens exist, those of the semantic stage too."""
        needed: Counter[Work] = Counter()
        missing = steps - len(self.ids)
        if missing <= 0:
            return needed
        total = len(semantic) if ended else None
        window, prefilled = self._window, self._prefilled
        while True:
            needed[Work.COARSE_PREFILL] += not prefilled
            if window.end_step >= steps:
                break
            window = self._plan.window(window.index + 1, total)
            prefilled = window.continues
        needed[Work.COARSE_STEP] = max(0, missing - needed[Work.COARSE_PREFILL])
        if not ended:
            needed[Work.SEMANTIC_STEP] = max(0, window.visible_tokens - len(semantic))
        return needed

    def prefill_row(self, slot: int, semantic: Sequence[int]) -> CoarsePrefillRow:
        """The present window's prompt: semantic slice, infer token, last coarse tokens."""
        coarse, held = self._config.coarse, len(self._semantic_history)
        window = self._window
        visible = [*self._semantic_history, *semantic[: window.visible_tokens]]
        assert len(visible) == held + window.visible_tokens
        piece = visible[window.slice_start :][: coarse.max_semantic_tokens]
        context = [*self._coarse_history, *self.ids]
        ids = np.full(
            coarse.max_semantic_tokens + 1 + window.context_tokens,
            coarse.semantic_pad_token,
            np.int64,
        )
        ids[: len(piece)] = piece
        ids[coarse.max_semantic_tokens] = coarse.infer_token
        if window.context_tokens:
            ids[coarse.max_semantic_tokens + 1 :] = context[-window.context_tokens :]
        return CoarsePrefillRow(slot, ids, self.draw())

    def step_row(self, slot: int) -> CoarseStepRow:
        """The last token."""
        return CoarseStepRow(slot, self.ids[-1], self.draw())

    def accept(self, token: int) -> None:
        """Take the drawn token, a model id."""
        self._prefilled = True
        self.ids.append(token)

    def draw(self, later: int = 0) -> CoarseDraw:
        """How the next token is drawn, or one that comes so many after it."""
        step, options = len(self.ids) + later, self._request.options
        key = DrawKey(options.seed, self._request.index, Stage.COARSE, step)
        # The codebook goes by the step, not by the position: a history may have an odd length.
        return CoarseDraw(key, options.coarse, step % self._config.coarse.n_codebooks)


def code_of(config: BarkConfig, token: int, codebook: int) -> int:
    """The codebook entry that a model id stands for."""
    return token - config.semantic.vocab_size - codebook * config.coarse.codebook_size


def _history(
    config: BarkConfig, voice: Voice | None, plan: CoarsePlan
) -> tuple[list[int], list[int]]:
    """What remains of a voice: semantic tokens and flattened coarse model ids."""
    if voice is None:
        return [], []
    n_semantic, n_coarse = plan.history.semantic_tokens, plan.history.coarse_tokens
    offsets = np.arange(config.coarse.n_codebooks) * config.coarse.codebook_size
    shifted: IntArray = (
        voice.coarse.astype(np.int64) + offsets[:, None] + config.semantic.vocab_size
    )
    flat = shifted.T.reshape(-1)  # [T * n_coarse], frame by frame
    end = flat.size - DROPPED_COARSE_TOKENS
    semantic = voice.semantic[voice.semantic.size - n_semantic :].tolist()
    coarse = flat[end - n_coarse : end].tolist() if n_coarse else []
    return semantic, coarse

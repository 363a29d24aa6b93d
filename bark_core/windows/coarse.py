"""Sliding windows of the semantic -> coarse stage.

A window sees a slice of semantic tokens, the infer token and the last coarse tokens, and makes
``steps`` more. Only what a window reads can make it wait: window ``w`` may start as soon as
``visible_tokens`` new semantic tokens exist (or the semantic stage has ended).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from bark_core.config import BarkConfig
from bark_core.options import ExactWindows, LowLatencyWindows, WindowPolicy
from bark_core.windows.history import HistoryLengths, trim_history
from bark_core.windows.ramp import Ramp


def coarse_steps(config: BarkConfig, semantic_tokens: int) -> int:
    """Coarse tokens (all codebooks counted) that ``semantic_tokens`` new tokens turn into."""
    codebooks = config.coarse.n_codebooks
    return round(math.floor(semantic_tokens * config.coarse_per_semantic / codebooks) * codebooks)


def semantic_tokens_for(config: BarkConfig, steps: int) -> int:
    """Fewest semantic tokens that turn into at least ``steps`` coarse tokens."""
    tokens = math.floor(steps / config.coarse_per_semantic)
    while coarse_steps(config, tokens) < steps:
        tokens += 1
    return tokens


@dataclass(frozen=True, slots=True)
class CoarseWindow:
    """One window.

    Attributes:
        index: Its number.
        start_step: Coarse tokens of the utterance that come before it.
        end_step: Where it ends if the utterance is long enough.
        slice_start: First semantic token it sees, counted in history ++ new tokens.
        visible_tokens: *New* semantic tokens it sees, at most: the rest of its slice is padding.
        context_tokens: Coarse tokens (history ++ made so far) at the end of its prompt.
        continues: Its prompt is the previous window's prompt followed by the tokens made there:
            the KV cache stays valid and no prefill is needed.
    """

    index: int
    start_step: int
    end_step: int
    slice_start: int
    visible_tokens: int
    context_tokens: int
    continues: bool


def _longest_window(config: BarkConfig, history_tokens: int, lookahead_tokens: int) -> int:
    """Steps that fit behind so much history, in positions and in the semantic slice."""
    coarse, ratio = config.coarse, config.coarse_per_semantic
    seen = coarse.max_semantic_tokens - math.floor(history_tokens / ratio) - lookahead_tokens
    positions = config.coarse_model.block_size - coarse.max_semantic_tokens - history_tokens
    longest = min(positions, math.floor(seen * ratio))
    return max(coarse.n_codebooks, longest - longest % coarse.n_codebooks)


@dataclass(frozen=True, slots=True)
class CoarsePlan:
    """The windows of one utterance.

    Attributes:
        config: Rates and limits.
        history: What remains of the voice.
        max_history_tokens: Coarse tokens in a prompt at most.
        ramp: Boundaries of the windows in steps.
        lookahead_tokens: New semantic tokens seen beyond a window's end; None: as the reference.
        ratio: Coarse tokens per semantic token.
    """

    config: BarkConfig
    history: HistoryLengths
    max_history_tokens: int
    ramp: Ramp
    lookahead_tokens: int | None
    ratio: float

    @classmethod
    def of(
        cls, config: BarkConfig, policy: WindowPolicy, semantic_tokens: int, coarse_tokens: int
    ) -> CoarsePlan:
        """The plan for a voice of so many semantic and flattened coarse tokens.

        A low-latency policy's history and windows are cut down to what the model's context holds:
        its positions, and the semantic slice, which must reach to a window's end and beyond it as
        far as the reference's does. History gives way first, as far as half of the reference's.
        """
        coarse, ratio = config.coarse, config.coarse_per_semantic
        max_history = coarse.max_history_tokens
        lengths: tuple[int, ...] = (coarse.window_steps,)
        lookahead: int | None = None
        match policy:
            case ExactWindows():
                pass
            case LowLatencyWindows():
                # How far the reference sees beyond a window after a full history.
                furthest = coarse.max_semantic_tokens - math.floor(max_history / ratio)
                furthest -= math.ceil(coarse.window_steps / ratio)
                lookahead = min(policy.lookahead_semantic_tokens, max(0, furthest))
                lengths = policy.coarse_ramp_steps or lengths
                least_history = max_history // 2
                max_history = min(max_history, policy.coarse_history_tokens or max_history)
                if _longest_window(config, max_history, lookahead) < max(lengths):
                    max_history = min(max_history, least_history)
                longest = _longest_window(config, max_history, lookahead)
                lengths = tuple(min(length, longest) for length in lengths)
        history = trim_history(config, semantic_tokens, coarse_tokens, max_history)
        return cls(config, history, max_history, Ramp(lengths), lookahead, ratio)

    def window(self, index: int, total_tokens: int | None = None) -> CoarseWindow:
        """Window ``index``.

        Args:
            index: Its number, from 0.
            total_tokens: Semantic tokens of the whole utterance where they are known. Knowing them
                never changes what a window reads that could already run without.
        """
        start = self.ramp.start(index)
        slice_start, visible = self._reads(index, total_tokens)
        held = self.history.coarse_tokens + start
        continues = (
            index > 0
            and held <= self.max_history_tokens
            and (slice_start, visible) == self._reads(index - 1, total_tokens)
        )
        return CoarseWindow(
            index=index,
            start_step=start,
            end_step=self.ramp.start(index + 1),
            slice_start=slice_start,
            visible_tokens=visible,
            context_tokens=min(held, self.max_history_tokens),
            continues=continues,
        )

    def _reads(self, index: int, total_tokens: int | None) -> tuple[int, int]:
        """Where the semantic slice of a window starts, and how many new tokens it holds."""
        config, history = self.config, self.history.semantic_tokens
        max_semantic_history = math.floor(self.max_history_tokens / self.ratio)
        now = history + round(self.ramp.start(index) / self.ratio)
        slice_start = max(0, now - max_semantic_history)
        visible = max(0, slice_start + config.coarse.max_semantic_tokens - history)
        if self.lookahead_tokens is not None:
            end = semantic_tokens_for(config, self.ramp.start(index + 1))
            visible = min(visible, end + self.lookahead_tokens)
        if total_tokens is not None:
            visible = min(visible, total_tokens)
        return slice_start, visible

    def runnable_until(self, window: CoarseWindow, tokens: int, *, ended: bool) -> int:
        """First step that may *not* run yet: ``window.start_step`` where none of it may.

        Args:
            window: The window in question.
            tokens: New semantic tokens made so far.
            ended: No more will come.
        """
        if not ended and tokens < window.visible_tokens:
            return window.start_step
        steps = min(window.end_step, coarse_steps(self.config, tokens))
        return max(window.start_step, steps)

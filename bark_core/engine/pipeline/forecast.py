"""What is still to come of an utterance: its chunks of audio, and what each will cost.

The stages' own plans are walked on counts alone, as the pipeline will walk them on tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bark_core.config import BarkConfig
from bark_core.engine.start_hint import ExpectedChunk
from bark_core.engine.work import Work
from bark_core.windows import Known, WindowPlans, coarse_steps

Cost = Callable[[Work, int], float]
"""Seconds of a batch of a kind whose row has so many positions; 1 where it does not vary."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far an utterance is.

    Attributes:
        semantic_tokens: Made so far.
        semantic_done: No more will come.
        coarse_steps: Coarse tokens made so far, all codebooks counted.
        fine_windows: Fine passes done.
        codec_chunks: Chunks decoded.
    """

    semantic_tokens: int = 0
    semantic_done: bool = False
    coarse_steps: int = 0
    fine_windows: int = 0
    codec_chunks: int = 0


def expected_chunks(
    config: BarkConfig, plans: WindowPlans, standing: Standing, total_tokens: int, cost: Cost
) -> Iterator[ExpectedChunk]:
    """The chunks after those decoded, in order.

    Args:
        config: Rates and limits.
        plans: Of the utterance's windows.
        standing: Where it is now.
        total_tokens: Semantic tokens that it will have had in the end.
        cost: What a batch takes.
    """
    front = _Front(config, plans, standing, total_tokens, cost)
    codebooks = config.coarse.n_codebooks
    frames = coarse_steps(config, total_tokens) // codebooks
    known = Known(frames, frames, frames)
    index, windows = standing.codec_chunks, standing.fine_windows
    while (chunk := plans.codec.chunk(index, frames, known)) is not None:
        work_s = 0.0
        while plans.fine.final_frames(windows, known) < chunk.end:
            window = plans.fine.window(windows, known)
            needed = plans.fine.frames_needed(windows, known)
            assert window is not None
            assert needed is not None
            work_s += front.reach(needed * codebooks) + cost(Work.FINE, window.width)
            windows += 1
        length = chunk.end - chunk.start
        audio_s = length * config.hop_samples / config.sample_rate_hz
        yield ExpectedChunk(audio_s, work_s + cost(Work.CODEC, length))
        index += 1


class _Front:
    """The semantic and the coarse stage, step by step."""

    def __init__(
        self,
        config: BarkConfig,
        plans: WindowPlans,
        standing: Standing,
        total_tokens: int,
        cost: Cost,
    ) -> None:
        self._plan = plans.coarse
        self._cost = cost
        self._total = total_tokens
        self._total_steps = coarse_steps(config, total_tokens)
        self._prompt = config.coarse.max_semantic_tokens + 1
        self._steps = standing.coarse_steps
        self._tokens = standing.semantic_tokens
        self._ended = standing.semantic_done
        self._window = 0
        while self._plan.ramp.start(self._window + 1) <= self._steps:
            self._window += 1

    def reach(self, steps: int) -> float:
        """Seconds until so many coarse tokens exist, or all."""
        seconds, steps = 0.0, min(steps, self._total_steps)
        while self._steps < steps:
            window = self._plan.window(self._window, self._total)
            # The semantic stage is kept a window ahead of the coarse one.
            seconds += self._speak(self._plan.window(self._window + 1, self._total).visible_tokens)
            end = min(window.end_step, steps)
            count = end - self._steps
            if self._steps == window.start_step and not window.continues:
                seconds += self._cost(Work.COARSE_PREFILL, self._prompt + window.context_tokens)
                count -= 1
            seconds += count * self._cost(Work.COARSE_STEP, 1)
            self._steps = end
            self._window += end == window.end_step
        return seconds

    def _speak(self, tokens: int) -> float:
        """Seconds until so many semantic tokens exist; after the last the end is drawn too."""
        if self._ended:
            return 0.0
        seconds = 0.0
        if self._tokens == 0:
            seconds += self._cost(Work.SEMANTIC_PREFILL, 1)
            self._tokens = 1
        missing = max(0, min(tokens, self._total) - self._tokens)
        self._tokens += missing
        if self._tokens >= self._total:
            self._ended = True
            missing += 1
        return seconds + missing * self._cost(Work.SEMANTIC_STEP, 1)

"""Runs: several steps of the same utterances one after another, without the scheduler in between.

Between two steps of a small model the scheduler would take as long as a step does. What it would
decide is known for a few of them: the same utterances, the tokens just drawn, the draws whose keys
go by the step. So it hands over a run of them, short enough that nobody waits for it who would not
wait for any other batch.
"""

from __future__ import annotations

from collections.abc import Sequence

from bark_core.backends.base import (
    Backend,
    Batch,
    CoarseDraw,
    CoarseStep,
    CoarseStepRow,
    Output,
    SemanticDraw,
    SemanticStep,
    SemanticStepRow,
    TokenOutput,
)

RUN_S = 0.004
"""How long a run may last: much less than a prefill, a fine pass or a codec call."""

MAX_STEPS = 8
"""Of a run."""

Draws = tuple[SemanticDraw | CoarseDraw, ...]
"""How one step draws, a draw for each row."""


def run_length(step_s: float, ahead: Sequence[int]) -> int:
    """Steps of a run.

    Args:
        step_s: What one takes; 0: not known.
        ahead: How many each utterance could make before something else is more urgent for it.
    """
    if step_s <= 0:
        return 1
    most = MAX_STEPS if MAX_STEPS * step_s <= RUN_S else int(RUN_S / step_s)
    return max(1, min(most, *ahead))


def execute(backend: Backend, batch: Batch, later: Sequence[Draws]) -> tuple[Output, ...]:
    """A batch, and the steps that follow it: until an utterance ends, or all.

    Args:
        backend: Runs them.
        batch: The first.
        later: The draws of each step after it.
    """
    outputs = [backend.execute(batch)]
    for draws in later:
        output = outputs[-1]
        assert isinstance(output, TokenOutput)
        if None in output.tokens:
            break
        batch = _following(batch, output, draws)
        outputs.append(backend.execute(batch))
    return tuple(outputs)


def _following(batch: Batch, output: TokenOutput, draws: Draws) -> Batch:
    rows = list(zip(output.tokens, draws, strict=True))
    if isinstance(batch, SemanticStep):
        spoken = (
            SemanticStepRow(before.slot, token, draw)  # type: ignore[arg-type]
            for before, (token, draw) in zip(batch.rows, rows, strict=True)
        )
        return SemanticStep(tuple(spoken))
    assert isinstance(batch, CoarseStep)
    coded = (
        CoarseStepRow(before.slot, token, draw)  # type: ignore[arg-type]
        for before, (token, draw) in zip(batch.rows, rows, strict=True)
    )
    return CoarseStep(tuple(coded))

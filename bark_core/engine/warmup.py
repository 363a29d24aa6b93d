"""The first utterances of a back end, heard by nobody: does it work, and what does it cost?"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from bark_core.backends.base import WARM_UP_UTTERANCE, Backend
from bark_core.config import BarkConfig
from bark_core.engine.commands import Submit
from bark_core.engine.costs import MeasuredCosts
from bark_core.engine.events import UtteranceFailed, UtteranceFinished
from bark_core.engine.interface import EngineLimits
from bark_core.engine.loop import EngineLoop
from bark_core.engine.recovery import BackendBrokenError
from bark_core.engine.request import UtteranceRequest
from bark_core.errors import SetupError
from bark_core.options import SynthesisOptions
from bark_core.voices import Voice

FORCED_TOKENS = 6

MEASURED_BUDGET_S = 20.0
"""No further pass begins after so long: what is not measured now is once somebody speaks."""


def warm_up(
    backend: Backend, config: BarkConfig, clock: Callable[[], float] = time.monotonic
) -> MeasuredCosts:
    """Run every stage, so that a broken model shows now and the first caller waits less.

    The first pass is not counted: it also pays for what is done only once. The second measures what
    somebody costs who is alone, the third what as many cost who speak at once as there are slots.
    All of them have as long a voice prompt as the model reads, because prompts of callers are that
    long as a rule, and a short one would be cheaper.

    Returns:
        What batches cost. Where the model is slow, not for all numbers of rows.

    Raises:
        SetupError: The model failed.
    """
    begun_s = clock()
    _pass(backend, config, MeasuredCosts(backend.limits), 1, clock)
    costs = MeasuredCosts(backend.limits)
    for speakers in sorted({1, backend.limits.slots}):
        if clock() - begun_s < MEASURED_BUDGET_S:
            _pass(backend, config, costs, speakers, clock)
    return costs


def _pass(
    backend: Backend,
    config: BarkConfig,
    costs: MeasuredCosts,
    speakers: int,
    clock: Callable[[], float],
) -> None:
    """So many speak at once, and the slots are as if nobody had."""
    with EngineLoop(backend, config, EngineLimits(), clock, costs) as loop:
        _speak(loop, config, speakers, clock)
    backend.reset(range(backend.limits.slots))


def _speak(loop: EngineLoop, config: BarkConfig, speakers: int, clock: Callable[[], float]) -> None:
    for number in range(speakers):
        request = UtteranceRequest(
            utterance_id=f"warm-up-{number}",
            stream_id=f"warm-up-{number}",
            index=WARM_UP_UTTERANCE,
            text_ids=(0,),
            voice=_longest_voice(config),
            options=SynthesisOptions(seed=0, forced_semantic_tokens=FORCED_TOKENS),
        )
        loop.obey(Submit(request, clock()))
    while speakers:
        try:
            turn = loop.turn()
        except BackendBrokenError as error:
            raise SetupError("the model failed its first utterance") from error
        for event in turn.report.events if turn.report is not None else ():
            if isinstance(event, UtteranceFailed):
                raise SetupError(
                    f"the model failed its first utterance: {event.error.message}"
                ) from event.error
            speakers -= isinstance(event, UtteranceFinished)
        loop.wait(turn.wait_s)


def _longest_voice(config: BarkConfig) -> Voice:
    """A voice that says nothing, as long as the stages read."""
    tokens = config.semantic.max_text_tokens
    frames = max(
        config.fine.max_history_frames,
        round(tokens * config.coarse_per_semantic / config.coarse.n_codebooks),
    )
    fine = np.zeros((config.fine.n_codebooks, frames), np.int64)
    return Voice(np.zeros(tokens, np.int64), fine[: config.coarse.n_codebooks].copy(), fine)

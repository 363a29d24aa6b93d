"""The first utterance of a back end, heard by nobody."""

from __future__ import annotations

import time

from bark_core.backends.base import WARM_UP_UTTERANCE, Backend
from bark_core.config import BarkConfig
from bark_core.engine.commands import Submit
from bark_core.engine.events import UtteranceFailed, UtteranceFinished
from bark_core.engine.interface import EngineLimits
from bark_core.engine.loop import EngineLoop
from bark_core.engine.recovery import BackendBrokenError
from bark_core.engine.request import UtteranceRequest
from bark_core.errors import SetupError
from bark_core.options import SynthesisOptions

FORCED_TOKENS = 6


def warm_up(backend: Backend, config: BarkConfig) -> None:
    """Run every stage once, so that a broken model shows now and the first caller waits less.

    Raises:
        SetupError: The model failed.
    """
    loop = EngineLoop(backend, config, EngineLimits(), time.monotonic)
    request = UtteranceRequest(
        utterance_id="warm-up",
        stream_id="warm-up",
        index=WARM_UP_UTTERANCE,
        text_ids=(0,),
        voice=None,
        options=SynthesisOptions(seed=0, forced_semantic_tokens=FORCED_TOKENS),
    )
    loop.obey(Submit(request, time.monotonic()))
    while True:
        try:
            report = loop.turn().report
        except BackendBrokenError as error:
            raise SetupError("the model failed its first utterance") from error
        for event in report.events if report is not None else ():
            if isinstance(event, UtteranceFailed):
                raise SetupError(
                    f"the model failed its first utterance: {event.error.message}"
                ) from event.error
            if isinstance(event, UtteranceFinished):
                backend.reset(range(backend.limits.slots))
                return

"""The engine: requests in, events out, batches to a back end in between. Never imports torch.

The way of an utterance:

1. ``submit`` checks and bounds it (``calls``) and hands it to the loop (``loop``) as a command.
2. The scheduler gives it a slot (``scheduler``, ``slots``) and a ``pipeline``.
3. Every turn of the loop asks the scheduler for a batch for each of the back end's ``lanes`` that
   is free (``policy`` says whose), has the back end execute it, and gives the answers back to the
   pipelines.
4. Audio, progress and one terminal event go to its listener.

``thread`` and ``process`` are the two engines; ``supervisor`` is what they share.
"""

from bark_core.engine.interface import (
    Engine,
    EngineInfo,
    EngineLimits,
    EngineLoad,
    EngineState,
    EventListener,
    StateListener,
)
from bark_core.engine.process import ProcessEngine
from bark_core.engine.request import Pacing, UtteranceRequest
from bark_core.engine.thread import ThreadEngine

__all__ = [
    "Engine",
    "EngineInfo",
    "EngineLimits",
    "EngineLoad",
    "EngineState",
    "EventListener",
    "Pacing",
    "ProcessEngine",
    "StateListener",
    "ThreadEngine",
    "UtteranceRequest",
]

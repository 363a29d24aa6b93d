"""Speaking without an engine: one utterance at a time, in the caller's own thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bark_core.backends.base import Backend
from bark_core.checkpoints import Checkpoint
from bark_core.engine.checks import check_request
from bark_core.engine.commands import Abort, Submit
from bark_core.engine.events import (
    AudioReady,
    Event,
    UtteranceAborted,
    UtteranceFailed,
    UtteranceFinished,
    UtteranceProgress,
)
from bark_core.engine.interface import EngineLimits
from bark_core.engine.loop import EngineLoop
from bark_core.engine.recovery import BackendBrokenError
from bark_core.engine.request import UtteranceRequest
from bark_core.errors import BarkstreamError, EngineFailureError
from bark_core.voices import Voice

ProgressListener = Callable[[UtteranceProgress], None]
_PROGRESS_INTERVAL_S = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class OfflineUtterance:
    """A whole utterance.

    Attributes:
        tokens: What all stages made.
        pcm: float32 [N] at the checkpoint's rate, not clipped.
    """

    tokens: Voice
    pcm: NDArray[np.float32]


class OfflineModel:
    """A checkpoint loaded into a back end. Between utterances it has no thread of its own.

    The same loop, scheduler and windows as in the engines, so the same request gives the same
    tokens. Thread-safe: callers take turns.

    Args:
        checkpoint: What is loaded.
        backend: The checkpoint's; this object closes it.
    """

    def __init__(self, checkpoint: Checkpoint, backend: Backend) -> None:
        self.checkpoint = checkpoint
        self.backend = backend
        self.tokenizer = checkpoint.tokenizer()
        self.voices = checkpoint.voices()
        self._lock = threading.Lock()
        self._loop = self._new_loop()

    def run(
        self, request: UtteranceRequest, on_progress: ProgressListener | None = None
    ) -> OfflineUtterance:
        """Make one utterance; ``request.keep_tokens`` must be set.

        Raises:
            InvalidRequestError: The request does not fit the checkpoint.
            EngineFailureError: The model failed.
        """
        assert request.keep_tokens, "an offline utterance returns its tokens"
        check_request(request, self.checkpoint.config)
        with self._lock:
            loop = self._loop
            try:
                return _run(loop, request, on_progress)
            except BackendBrokenError as error:
                self._begin_anew()
                raise EngineFailureError(
                    "the model fails whatever it is given: run `barkstream doctor`"
                ) from error
            except BarkstreamError:
                # It has ended, unless the progress listener raised this.
                loop.obey(Abort((request.utterance_id,)))
                loop.turn()
                raise
            except BaseException:
                # Interrupted, or the progress listener raised: leave nothing of it behind.
                self._begin_anew()
                raise
            finally:
                loop.close()

    def close(self) -> None:
        """Free the model. Safe to call twice."""
        with self._lock:
            self.backend.close()

    def _begin_anew(self) -> None:
        self._loop.close()
        self.backend.reset(range(self.backend.limits.slots))
        self._loop = self._new_loop()

    def _new_loop(self) -> EngineLoop:
        return EngineLoop(
            self.backend,
            self.checkpoint.config,
            EngineLimits(progress_interval_s=_PROGRESS_INTERVAL_S),
            time.monotonic,
        )


def _run(
    loop: EngineLoop, request: UtteranceRequest, on_progress: ProgressListener | None
) -> OfflineUtterance:
    pieces: list[NDArray[np.float32]] = [np.empty(0, np.float32)]
    loop.obey(Submit(request, time.monotonic()))
    while True:
        turn = loop.turn()
        for event in turn.report.events if turn.report is not None else ():
            if (tokens := _ended(event)) is not None:
                return OfflineUtterance(tokens, np.concatenate(pieces))
            if isinstance(event, AudioReady):
                pieces.append(event.pcm)
            elif isinstance(event, UtteranceProgress) and on_progress is not None:
                on_progress(event)
        loop.wait(turn.wait_s)


def _ended(event: Event) -> Voice | None:
    """The tokens, once the utterance is finished.

    Raises:
        BarkstreamError: It failed.
    """
    match event:
        case UtteranceFinished(tokens=tokens):
            assert tokens is not None
            return tokens
        case UtteranceFailed(error=error):
            raise error
        case UtteranceAborted():
            raise EngineFailureError("the utterance was stopped by the engine itself")
        case _:
            return None

"""Live utterances as the outside sees them: who listens to which. Thread-safe."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from bark_core.engine.events import (
    Event,
    UtteranceAborted,
    UtteranceFailed,
    UtteranceFinished,
)
from bark_core.engine.interface import EventListener
from bark_core.errors import BarkstreamError, CapacityError, InvalidRequestError

_log = logging.getLogger(__name__)


class Calls:
    """A bounded table from utterance to listener; an entry lives until its terminal event."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: dict[str, EventListener] = {}
        self._aborting: set[str] = set()

    def __len__(self) -> int:
        return len(self._calls)

    def open(
        self, utterance_id: str, listener: EventListener, limit: int, retry_after_s: float = 1.0
    ) -> None:
        """Take an utterance in.

        Args:
            utterance_id: Its name.
            listener: Who is told of it.
            limit: Utterances that may be live.
            retry_after_s: When it is worth to come back if they are.

        Raises:
            CapacityError: ``limit`` utterances are live.
            InvalidRequestError: The id is in use.
        """
        with self._lock:
            if utterance_id in self._calls:
                raise InvalidRequestError(
                    "an utterance with this id is live; use a new id", field="utterance_id"
                )
            if len(self._calls) >= limit:
                raise CapacityError(
                    f"{limit} utterances are live already; try again in {retry_after_s:.1f} s",
                    retry_after_s=retry_after_s,
                )
            self._calls[utterance_id] = listener

    def begin_abort(self, utterance_ids: Sequence[str]) -> tuple[str, ...]:
        """Those of the ids that are live and were not given before."""
        with self._lock:
            fresh = (set(utterance_ids) & self._calls.keys()) - self._aborting
            self._aborting |= fresh
        return tuple(sorted(fresh))

    def route(self, events: Sequence[Event]) -> None:
        """Give events to their listeners, each listener's together and in order."""
        by_call: dict[str, list[Event]] = {}
        for event in events:
            by_call.setdefault(event.utterance_id, []).append(event)
        for utterance_id, own in by_call.items():
            ended = isinstance(own[-1], UtteranceFinished | UtteranceAborted | UtteranceFailed)
            with self._lock:
                if ended:
                    listener = self._calls.pop(utterance_id, None)
                    self._aborting.discard(utterance_id)
                else:
                    listener = self._calls.get(utterance_id)
            if listener is not None:
                _tell(listener, own)

    def fail_all(self, error: BarkstreamError) -> None:
        """End everything with one error."""
        with self._lock:
            calls, self._calls = self._calls, {}
            self._aborting.clear()
        for utterance_id, listener in calls.items():
            _tell(listener, [UtteranceFailed(utterance_id, error)])


def _tell(listener: EventListener, events: Sequence[Event]) -> None:
    try:
        listener(events)
    except Exception:  # noqa: BLE001 - one broken listener must not take the engine from others
        _log.exception("a listener raised; its events are lost")

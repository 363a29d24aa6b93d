"""Between one context on the event loop and the engine on its own thread.

The bridge *pulls*: events of the engine wait here until the sender has room for what they bring.
A caller that does not read therefore stops its own utterances from being followed by others, and
what was never sent is never counted as sent.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from bark_core.engine.events import Event, TerminalEvent, UtteranceFinished, UtteranceReport
from bark_core.engine.interface import Engine
from bark_core.engine.request import UtteranceRequest
from bark_core.errors import BarkstreamError, CapacityError
from bark_core.speech import (
    Actions,
    ContextAudio,
    ContextCompleted,
    ContextEvent,
    ContextFailed,
    ContextProgress,
    SpeechContext,
)
from barkstream_server.tenants import Tenant
from barkstream_server.tracing import ContextTrace
from barkstream_server.tracing.base import ContextEnd

# A text whose first utterance was accepted keeps trying to get its next one in.
RETRY_S = 0.1
# Text is given in pieces of this many code points so that a long one does not hold up the loop.
PIECE_CHARACTERS = 256


@dataclass(frozen=True, slots=True)
class EngineAccess:
    """What a bridge needs of the server.

    Attributes:
        engine: Makes the speech.
        loop: Where bridges live.
        on_report: Told of every utterance that was made to its end.
        tenant: Whose text it is.
    """

    engine: Engine
    loop: asyncio.AbstractEventLoop
    on_report: Callable[[UtteranceReport], None]
    tenant: Tenant


class Bridge:
    """Drives one context. Everything but the engine's callback happens on the event loop.

    Args:
        context: The context; the bridge owns it from now on.
        access: The engine and the loop.
        wake: Called on the loop when `pull` may have something new.
        trace: Told of what happens.

    Attributes:
        opened_s: ``time.monotonic()`` moment of its making.
    """

    def __init__(
        self,
        context: SpeechContext,
        access: EngineAccess,
        wake: Callable[[], None],
        trace: ContextTrace,
    ) -> None:
        self.opened_s = time.monotonic()
        self._context = context
        self._engine = access.engine
        self._loop = access.loop
        self._on_report = access.on_report
        self._tenant = access.tenant
        self._counted = False  # among the texts of the tenant that are spoken
        self._wake = wake
        self._trace = trace
        self._arrived: deque[Event] = deque()
        self._outgoing: deque[ContextEvent] = deque()
        self._held: deque[UtteranceRequest] = deque()
        self._retry: asyncio.TimerHandle | None = None
        self._live: set[str] = set()
        self._accepted = False
        self._finished = False
        self._closed = False
        self._end: ContextEnd | None = None

    @property
    def failure(self) -> BarkstreamError | None:
        """Why the context failed, as soon as that is known."""
        return self._end.error if isinstance(self._end, ContextFailed) else None

    @property
    def context(self) -> SpeechContext:
        """The context, to look at."""
        return self._context

    @property
    def busy(self) -> bool:
        """Something is being made or waits to be sent."""
        return bool(self._arrived or self._outgoing or not self._context.idle)

    async def append(self, text: str, *, final: bool = False) -> None:
        """Give text, letting others run in between; ``final``: nothing follows it.

        Raises:
            TextError: Too long together or not text; pieces before it have been taken.
            OutOfOrderError: After finish.
        """
        for start in range(0, len(text), PIECE_CHARACTERS):
            if start:
                await asyncio.sleep(0)
            if self._context.ended:  # cancelled or failed meanwhile
                return
            end = start + PIECE_CHARACTERS
            last = final and end >= len(text)
            self._carry_out(self._context.append(text[start:end], final=last))
            self._finished = last

    def flush(self, flush_id: str) -> None:
        """Speak what is buffered. Raises what `SpeechContext.flush` does."""
        self._carry_out(self._context.flush(flush_id))

    def finish(self) -> None:
        """No more text. Raises what `SpeechContext.finish` does."""
        self._carry_out(self._context.finish())
        self._finished = True

    def finish_if_open(self) -> None:
        """No more text, unless that was said before or there is nobody to say it to."""
        if not (self._finished or self._context.ended):
            self.finish()

    def report_playback(self, played_s: float) -> None:
        """What the listener has heard. Raises what `SpeechContext.report_playback` does."""
        self._carry_out(self._context.report_playback(played_s))

    def cancel(self, played_s: float | None) -> None:
        """Stop at once; only the report is left to pull.

        Raises what `SpeechContext.cancel` does.
        """
        if not self._context.ended:
            actions = self._context.cancel(played_s)
            self._outgoing.clear()
            self._carry_out(actions)

    def fail(self, error: BarkstreamError) -> None:
        """Stop at once; only the failure is left to pull."""
        if not self._context.ended:
            self._outgoing.clear()
            self._carry_out(self._context.fail(error))

    def close(self) -> None:
        """Stop; nothing is left to pull. Safe to call twice."""
        self._closed = True
        self._drop_work()
        self._outgoing.clear()
        # Complete, but not all of it was taken: to its caller it was not.
        end = None if isinstance(self._end, ContextCompleted) else self._end
        self._trace.context_ended(end, self._context.usage)
        if self._live:
            self._engine.abort(tuple(self._live))
            self._live.clear()
        self._count_off()

    def pull(self) -> ContextEvent | None:
        """The next event for the caller; None: nothing now."""
        while not self._outgoing and self._arrived:
            event = self._arrived.popleft()
            if isinstance(event, TerminalEvent):
                self._live.discard(event.utterance_id)
            if isinstance(event, UtteranceFinished):
                self._on_report(event.report)
            self._carry_out(self._context.on_event(event))
        if not self._outgoing:
            return None
        outgoing = self._outgoing.popleft()
        if isinstance(outgoing, ContextAudio):
            self._trace.sounded()
        elif isinstance(outgoing, ContextEnd):
            self._trace.context_ended(outgoing, self._context.usage)
        return outgoing

    def progress(self) -> ContextProgress | None:
        """Where the work stands."""
        return None if self._context.ended else self._context.progress()

    def _carry_out(self, actions: Actions) -> None:
        if actions.abort:
            self._engine.abort(actions.abort)
            self._live.difference_update(actions.abort)
        self._held.extend(actions.submit)
        self._submit_held()
        if actions.played_s is not None:
            self._engine.report_playback(self._context.stream_id, actions.played_s)
        self._outgoing.extend(actions.events)
        for event in actions.events:
            if isinstance(event, ContextEnd):
                self._end = event
        if self._context.ended:
            self._drop_work()
        self._count_off()
        if self._outgoing:
            self._wake()

    def _submit_held(self) -> None:
        while self._held and self._retry is None and not self._context.ended:
            request = replace(self._held[0], priority=self._tenant.priority)
            self._live.add(request.utterance_id)
            try:
                self._count_on()
                self._engine.submit(request, self._listen)
            except CapacityError as error:
                self._live.discard(request.utterance_id)
                if not self._accepted:
                    self._carry_out(self._context.fail(error))
                else:
                    self._retry = self._loop.call_later(RETRY_S, self._try_again)
                return
            except BarkstreamError as error:
                self._live.discard(request.utterance_id)
                self._carry_out(self._context.fail(error))
                return
            self._trace.submitted(request.utterance_id, request.index)
            self._accepted = True
            self._held.popleft()

    def _try_again(self) -> None:
        self._retry = None
        self._submit_held()

    def _count_on(self) -> None:
        """The text is being spoken. Raises what `Tenant.begin` does."""
        if not self._counted:
            self._tenant.begin()
            self._counted = True

    def _count_off(self) -> None:
        """It is not, if nothing of it is with the engine or on its way there."""
        if self._counted and not (self._live or self._held):
            self._counted = False
            self._tenant.end()

    def _drop_work(self) -> None:
        self._arrived.clear()
        self._held.clear()
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    def _listen(self, events: Sequence[Event]) -> None:
        """Called by the engine on a thread of its own."""
        with suppress(RuntimeError):  # the loop is gone, and the bridge with it
            self._loop.call_soon_threadsafe(self._arrive, events)

    def _arrive(self, events: Sequence[Event]) -> None:
        for event in events:
            if isinstance(event, TerminalEvent):
                self._trace.utterance_ended(event)
        if not (self._closed or self._context.ended):
            self._arrived.extend(events)
            self._wake()

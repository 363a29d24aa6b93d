"""The two ends of a session's call: messages out, events to their contexts."""

from __future__ import annotations

from barkstream.v1.speech_service_pb2 import CancelContext, ConverseRequest, ConverseResponse
from barkstream_client.context import SpeechContext
from barkstream_client.errors import ClosedError, SpeechError
from barkstream_client.events import Draining
from barkstream_client.outbox import Outbox

# Messages of the caller's that may wait for a congested connection.
MAX_QUEUED_MESSAGES = 64
_TERMINAL = frozenset({"completed", "cancelled", "failed"})


class SessionWire:
    """Knows the live contexts of a session and queues its messages. Does no I/O of its own."""

    def __init__(self) -> None:
        self._outbox = Outbox(MAX_QUEUED_MESSAGES)
        self._contexts: dict[str, SpeechContext] = {}
        self._error: SpeechError | None = None

    @property
    def live(self) -> int:
        """Contexts that the server knows and that have not ended."""
        return len(self._contexts)

    @property
    def error(self) -> SpeechError:
        """Why the session is over."""
        return self._error or ClosedError("the session is not over")

    def check_free(self, context_id: str) -> None:
        """Whether a context of that id may be opened.

        Raises:
            ClosedError: The id is in use.
            SpeechError: The session is over; this is why.
        """
        if self._error is not None:
            raise self._error
        if context_id in self._contexts:
            raise ClosedError(f"context id {context_id!r} is in use until its terminal event")

    # ---- what contexts need ------------------------------------------------------------------

    def register(self, context: SpeechContext) -> None:
        """From now on the events of its id belong to this context."""
        if self._contexts.get(context.context_id) is not context:
            self.check_free(context.context_id)
            self._contexts[context.context_id] = context

    def forget(self, context: SpeechContext) -> None:
        """It was never opened on the wire, or is over."""
        if self._contexts.get(context.context_id) is context:
            del self._contexts[context.context_id]

    async def send(self, request: ConverseRequest) -> None:
        """Queue a message, waiting for room. Raises why the session is over, if it is."""
        try:
            await self._outbox.put(request)
        except ClosedError:
            raise self.error from None

    def send_now(self, request: ConverseRequest) -> None:
        """Queue a message without waiting."""
        self._outbox.put_now(request)

    # ---- what the session's tasks need -------------------------------------------------------

    async def next_request(self) -> ConverseRequest | None:
        """The next message to write; None: there will be no more."""
        return await self._outbox.get()

    def dispatch(self, response: ConverseResponse) -> None:
        """Hand a message to its context."""
        context = self._contexts.get(response.context_id)
        if context is None:
            # Text that crossed the failure of its context opened another one of that id, which
            # nobody reads. Anything else answers what crossed the end of its context.
            if response.WhichOneof("event") == "context_started":
                cancel = CancelContext()
                self.send_now(ConverseRequest(context_id=response.context_id, cancel=cancel))
            return
        context.receive(response)
        if response.WhichOneof("event") in _TERMINAL:
            self.forget(context)

    async def wait_for_readers(self) -> None:
        """Until the readers of all contexts have caught up."""
        for context in list(self._contexts.values()):
            await context.wait_for_room()

    def announce(self, event: Draining) -> None:
        """Hand an event of the whole session to all contexts."""
        for context in list(self._contexts.values()):
            context.deliver(event)

    def fail(self, error: SpeechError) -> None:
        """The session is over, and with it every live context. The first reason stays."""
        self._error = self._error or error
        self._outbox.close()
        for context in list(self._contexts.values()):
            context.fail(error)
        self._contexts.clear()

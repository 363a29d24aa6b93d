"""One RPC, seen by our handlers: messages in and out, each with a time limit.

grpc.aio loses track of a batch when the task that awaits ``read`` or ``write`` is cancelled
(grpc/grpc issue 43360), and gives no time limits. So both run in tasks of their own, which end by
themselves with the RPC; whoever waits for them may be cancelled freely.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message

from bark_core.errors import DeadlineError, InvalidRequestError, StalledReaderError
from barkstream_server.tenants import TENANT_KEY
from barkstream_server.tracing import Tracing

MessageT = TypeVar("MessageT", bound=Message)
Context = grpc.aio.ServicerContext[Any, Any]


class CallerGoneError(Exception):
    """The RPC is over on the other side: nobody can be told anything any more."""


@dataclass(slots=True)
class CallStats:
    """What the log tells of a call beside its code and duration."""

    first_audio_s: float | None = None
    audio_s: float = 0.0
    utterances: int = 0


class Call:
    """One RPC.

    Attributes:
        method: Full name, ``/package.Service/Method``.
        started_s: ``time.monotonic()`` moment of arrival.
        deadline_s: ``time.monotonic()`` moment of the caller's deadline, or None.
        stats: For the log; handlers fill it.
        trace: Where its spans go.
        tenant_name: As the metadata says; empty: it says nothing.
    """

    def __init__(
        self,
        context: Context,
        method: str,
        *,
        first_message_timeout_s: float,
        write_stall_timeout_s: float,
        tracing: Tracing,
    ) -> None:
        self.method = method
        self.started_s = time.monotonic()
        # Read once: grpc computes it from the wall clock, which may be set meanwhile.
        remaining_s = context.time_remaining()
        self.deadline_s = None if remaining_s is None else self.started_s + remaining_s
        self.stats = CallStats()
        metadata = context.invocation_metadata() or ()
        self.trace = tracing.open_call(method, metadata, self.started_s)
        self.tenant_name = str(dict(metadata).get(TENANT_KEY, ""))
        self._context = context
        self._first_message_timeout_s = first_message_timeout_s
        self._write_stall_timeout_s = write_stall_timeout_s
        self._reading: asyncio.Task[Any] | None = None

    async def receive_first(self, kind: type[MessageT]) -> MessageT:
        """The first message.

        Raises:
            DeadlineError: It did not come in time.
            InvalidRequestError: The call ended without one, or it is not a ``kind``.
        """
        try:
            message = await asyncio.wait_for(self.receive(kind), self._first_message_timeout_s)
        except TimeoutError:
            raise DeadlineError(
                f"no message came within {self._first_message_timeout_s:g} s; send the request at "
                "once after opening the call",
                reason="FIRST_MESSAGE_TIMEOUT",
            ) from None
        if message is None:
            raise InvalidRequestError(
                "the call carried no message; send one request", reason="REQUEST_MISSING"
            )
        return message

    async def receive(self, kind: type[MessageT]) -> MessageT | None:
        """The next message; None once the caller has half-closed (or is gone).

        Raises:
            InvalidRequestError: Not a ``kind``: broken encoding, text that is not UTF-8.
        """
        if self._reading is None:
            self._reading = _detached(self._context.read())
        await asyncio.wait({self._reading})
        reading, self._reading = self._reading, None
        try:
            raw = reading.result()
        except grpc.aio.BaseError:
            return None
        if raw is grpc.aio.EOF:
            return None
        try:
            return kind.FromString(raw)
        except DecodeError:
            # The parser's own text may quote the message.
            raise InvalidRequestError(
                f"the message is not a valid {kind.DESCRIPTOR.full_name}; check that client and "
                "server use the same .proto files and that strings are UTF-8",
                reason="MESSAGE_MALFORMED",
            ) from None

    async def send(self, message: Message) -> None:
        """Send one message.

        Raises:
            StalledReaderError: The caller has not taken anything for too long.
            CallerGoneError: The RPC is over.
        """
        writing = _detached(self._context.write(message.SerializeToString()))
        done, _ = await asyncio.wait({writing}, timeout=self._write_stall_timeout_s)
        if not done:
            raise StalledReaderError(
                f"nothing was read for {self._write_stall_timeout_s:g} s; read the responses as "
                "they come, or cancel the call"
            )
        try:
            writing.result()
        except grpc.aio.BaseError as error:
            raise CallerGoneError from error


def _detached(operation: Any) -> asyncio.Task[Any]:
    """Run a grpc operation to its own end; its outcome may go unread."""
    task: asyncio.Task[Any] = asyncio.ensure_future(operation)
    task.add_done_callback(_mark_retrieved)
    return task


def _mark_retrieved(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()

"""The one handler table: every RPC enters here and every failure leaves here.

All methods are registered as stream-stream without a deserializer, which is the same on the wire.
With grpc.aio's typed registration a call that never sends its message, or sends a broken one, gets
no status or leaks Python text; an uncaught exception does too, and a leaked CancelledError leaves
the caller waiting for ever (grpc/grpc issue 29248).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import grpc

from barkstream_server.call import Call, CallerGoneError, Context
from barkstream_server.errors import Failure
from barkstream_server.incidents import recorded_failure
from barkstream_server.logs import log_event
from barkstream_server.metrics import CallEnd
from barkstream_server.tracing import Tracing

logger = logging.getLogger("barkstream.calls")

Handler = Callable[[Call], Awaitable[None]]
OnEnd = Callable[[CallEnd], None]


@dataclass(frozen=True, slots=True)
class CallLimits:
    """Time limits of every call."""

    first_message_timeout_s: float
    write_stall_timeout_s: float


class MethodTable(grpc.GenericRpcHandler):  # type: ignore[type-arg,misc,unused-ignore]
    """Finds the handler of a method.

    Args:
        handlers: By full name, ``/package.Service/Method``.
        limits: Time limits of every call.
        on_end: Told how every call went.
        tracing: Where the spans of calls go.
    """

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        limits: CallLimits,
        on_end: OnEnd,
        tracing: Tracing,
    ) -> None:
        self._methods = {
            name: _rpc_handler(name, handler, limits, on_end, tracing)
            for name, handler in handlers.items()
        }

    def service(self, handler_call_details: Any) -> Any:
        """The registered handler of a call; None where there is no such method."""
        return self._methods.get(handler_call_details.method)


def _rpc_handler(
    name: str, handler: Handler, limits: CallLimits, on_end: OnEnd, tracing: Tracing
) -> Any:
    async def behaviour(_requests: object, context: Context) -> None:
        call = Call(
            context,
            name,
            first_message_timeout_s=limits.first_message_timeout_s,
            write_stall_timeout_s=limits.write_stall_timeout_s,
            tracing=tracing,
        )
        failure = await _outcome(call, handler, on_end)
        if failure is not None:
            # Last of all: towards a caller that reads nothing this may take for ever.
            try:
                await context.abort(failure.code, failure.message, failure.trailing_metadata())
            except grpc.aio.AbortError:
                raise
            except grpc.aio.BaseError:  # the caller went meanwhile
                raise asyncio.CancelledError from None

    return grpc.stream_stream_rpc_method_handler(behaviour)


async def _outcome(call: Call, handler: Handler, on_end: OnEnd) -> Failure | None:
    """Run a handler, log and tell how it went. None: OK.

    Raises:
        asyncio.CancelledError: The RPC is over: by the caller, its deadline or our shutdown.
    """
    try:
        await handler(call)
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            _end(call, on_end, _code_of_cancel(call))
            raise
        return _failed(call, on_end, error)
    except CallerGoneError:
        _end(call, on_end, _code_of_cancel(call))
        raise asyncio.CancelledError from None
    except Exception as error:  # noqa: BLE001 - the last line of defence, see the module's text
        return _failed(call, on_end, error)
    _end(call, on_end, grpc.StatusCode.OK)
    return None


def _failed(call: Call, on_end: OnEnd, error: BaseException) -> Failure:
    failure = recorded_failure(error, call.method)
    _end(call, on_end, failure.code, reason=failure.reason)
    return failure


def _code_of_cancel(call: Call) -> grpc.StatusCode:
    if call.deadline_s is not None and time.monotonic() >= call.deadline_s:
        return grpc.StatusCode.DEADLINE_EXCEEDED
    return grpc.StatusCode.CANCELLED


def _end(call: Call, on_end: OnEnd, code: grpc.StatusCode, reason: str | None = None) -> None:
    end = CallEnd(call.method, code, reason, time.monotonic() - call.started_s, call.stats)
    on_end(end)
    call.trace.call_ended(code, reason, call.stats)
    log_event(
        logger,
        logging.INFO,
        "call",
        method=end.method,
        code=end.code.name,
        reason=end.reason,
        duration_s=end.duration_s,
        first_audio_s=end.stats.first_audio_s,
        audio_s=end.stats.audio_s or None,
        utterances=end.stats.utterances or None,
        trace_id=call.trace.trace_id,
    )

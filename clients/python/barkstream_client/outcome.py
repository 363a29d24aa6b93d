"""How a call really ended."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import grpc
import grpc.aio


class CallOutcome:
    """Remembers the first status of a call, which is the server's.

    grpc.aio replaces a status that has already arrived by INTERNAL "Internal error from Core" if a
    write fails because the call is over, so that who streams requests would see most refusals as
    INTERNAL (https://github.com/grpc/grpc/issues/36066). Done callbacks run before that happens.
    """

    def __init__(self, call: grpc.aio.Call) -> None:
        self._error: grpc.aio.AioRpcError | None = None
        self._is_known = False
        call.add_done_callback(self._remember)

    def of(self, error: grpc.aio.AioRpcError) -> grpc.aio.AioRpcError | None:
        """The error that the server meant where the call failed with ``error``; None for OK."""
        return self._error if self._is_known else error

    def _remember(self, call: Any) -> None:
        if self._is_known:
            return
        self._is_known = True
        code = _at_once(call.code())
        if code is not grpc.StatusCode.OK:
            self._error = grpc.aio.AioRpcError(
                code,
                _at_once(call.initial_metadata()),
                _at_once(call.trailing_metadata()),
                _at_once(call.details()),
                _at_once(call.debug_error_string()),
            )


def _at_once(value: Awaitable[Any]) -> Any:
    """What a coroutine of a finished call answers without waiting."""
    waiting = value.__await__()
    try:
        next(waiting)
    except StopIteration as stop:
        return stop.value
    raise RuntimeError("a call that is over still waits for its status")

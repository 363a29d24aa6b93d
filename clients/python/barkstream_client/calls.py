"""What every call needs: typed errors and a clean end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import grpc.aio

from barkstream_client.errors import CallCancelledError, ClosedError, ProtocolError
from barkstream_client.outcome import CallOutcome
from barkstream_client.status import error_from_rpc


@contextmanager
def typed_errors(outcome: CallOutcome | None = None) -> Iterator[None]:
    """Turns failures of awaited calls into the error tree.

    Args:
        outcome: Of a call that streams requests.

    grpc.aio raises ``CancelledError`` for every call whose status is CANCELLED, also when the
    server or a closing channel cancelled it. A task that nobody cancelled must not see that.
    """
    try:
        yield
    except grpc.aio.AioRpcError as error:
        meant = error if outcome is None else outcome.of(error)
        if meant is None:  # Over, and in order: nothing is left to read.
            return
        raise error_from_rpc(meant) from error
    except grpc.aio.UsageError as error:
        # The only misuse that is possible from outside: the channel was closed meanwhile.
        raise ClosedError("the client was closed: connect again") from error
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise CallCancelledError(
            "the call was cancelled by the server or because the client was closed",
            code=grpc.StatusCode.CANCELLED,
        ) from None


def parsed(response: Any) -> Any:
    """A response of grpc's, which is None where its bytes are no such message.

    Raises:
        ProtocolError: They are not.
    """
    if response is None:
        raise ProtocolError("the server sent something that is no message of barkstream.v1")
    return response

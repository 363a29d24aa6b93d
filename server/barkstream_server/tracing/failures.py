"""How a failure shows in a span."""

from __future__ import annotations

import grpc
from opentelemetry.trace import Span, Status, StatusCode

# By the semantic conventions for gRPC these are a server's errors; the others are its caller's.
_SERVER_ERRORS = frozenset(
    {
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)


def mark_failed(span: Span, code: grpc.StatusCode, reason: str) -> None:
    """Give a span the reason of its failure, and the error status where it is the server's.

    The error's message is left out: it may speak of the request.
    """
    span.set_attribute("error.type", reason)
    if code in _SERVER_ERRORS:
        span.set_status(Status(StatusCode.ERROR, reason))

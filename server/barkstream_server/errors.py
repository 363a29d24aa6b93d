"""The one table from errors to gRPC codes, and the rich status made from it.

Details follow ``google/rpc/error_details.proto`` and AIP-193: ErrorInfo always, then what helps:
BadRequest (which field), RetryInfo (when), ResourceInfo (which name). They travel in the
``grpc-status-details-bin`` trailer, as gRPC libraries of all languages expect.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2

from bark_core.errors import (
    BarkstreamError,
    CapacityError,
    DeadlineError,
    EngineFailureError,
    IdleTimeoutError,
    InvalidRequestError,
    NotFoundError,
    OutOfOrderError,
    SetupError,
    StalledReaderError,
    UnavailableError,
    UnknownContextError,
    UnknownVoiceError,
)

DOMAIN = "barkstream"
DETAILS_KEY = "grpc-status-details-bin"
# gRFC A6: a client with a retry policy waits this long instead of its own backoff.
PUSHBACK_KEY = "grpc-retry-pushback-ms"

# A class stands for its subclasses. A test walks the tree, so none can be forgotten.
CODES: Mapping[type[BarkstreamError], grpc.StatusCode] = MappingProxyType(
    {
        InvalidRequestError: grpc.StatusCode.INVALID_ARGUMENT,
        NotFoundError: grpc.StatusCode.NOT_FOUND,
        OutOfOrderError: grpc.StatusCode.FAILED_PRECONDITION,
        CapacityError: grpc.StatusCode.RESOURCE_EXHAUSTED,
        UnavailableError: grpc.StatusCode.UNAVAILABLE,
        DeadlineError: grpc.StatusCode.DEADLINE_EXCEEDED,
        IdleTimeoutError: grpc.StatusCode.ABORTED,
        StalledReaderError: grpc.StatusCode.ABORTED,
        EngineFailureError: grpc.StatusCode.INTERNAL,
        SetupError: grpc.StatusCode.INTERNAL,
    }
)

# Their messages speak of files and devices of this machine: callers get a fixed text instead.
_PRIVATE = (SetupError,)

_RESOURCE_TYPES: Mapping[type[BarkstreamError], str] = MappingProxyType(
    {UnknownVoiceError: "voice", UnknownContextError: "context"}
)


@dataclass(frozen=True, slots=True)
class Failure:
    """What a caller is told of an error.

    Attributes:
        code: gRPC code.
        message: Safe to send.
        status: The same with details.
        reason: Of ErrorInfo; for logs and metrics.
        incident: Also in the log beside the true cause; empty where the message tells all.
    """

    code: grpc.StatusCode
    message: str
    status: Any  # google.rpc.Status
    reason: str
    incident: str = ""

    def trailing_metadata(self) -> tuple[tuple[str, str | bytes], ...]:
        """Trailers that carry the details."""
        trailers: list[tuple[str, str | bytes]] = [(DETAILS_KEY, self.status.SerializeToString())]
        for detail in self.status.details:
            retry = error_details_pb2.RetryInfo()
            if detail.Unpack(retry):
                trailers.append((PUSHBACK_KEY, str(retry.retry_delay.ToMilliseconds())))
        return tuple(trailers)


def code_of(kind: type[BarkstreamError]) -> grpc.StatusCode:
    """The code of an error class: its own entry or that of the nearest base.

    Raises:
        KeyError: The table knows nothing of it: a bug that a test catches.
    """
    for base in kind.__mro__:
        if base in CODES:
            return CODES[base]
    raise KeyError(kind.__name__)


def failure_of(error: BaseException) -> Failure:
    """What to tell the caller.

    Foreign exceptions become INTERNAL with an incident id only. Engine failures get one as well,
    beside their own text, so that their cause can be found in the log.
    """
    incident = secrets.token_hex(6)
    if not isinstance(error, BarkstreamError) or isinstance(error, _PRIVATE):
        reason = error.reason if isinstance(error, BarkstreamError) else "INTERNAL"
        text = f"the server failed on this request; others go on. Report incident {incident}"
        return _failure(grpc.StatusCode.INTERNAL, text, reason, [], incident)
    code = code_of(type(error))
    if isinstance(error, EngineFailureError):
        return _failure(code, f"{error.message} (incident {incident})", error.reason, [], incident)
    return _failure(code, error.message, error.reason, _details(error), "")


def _failure(
    code: grpc.StatusCode, message: str, reason: str, details: list[Any], incident: str
) -> Failure:
    info = error_details_pb2.ErrorInfo(
        reason=reason, domain=DOMAIN, metadata={"incident": incident} if incident else {}
    )
    status = status_pb2.Status(code=code.value[0], message=message)
    for detail in (info, *details):
        status.details.add().Pack(detail)
    return Failure(code, message, status, reason, incident)


def _details(error: BarkstreamError) -> list[Any]:
    match error:
        case InvalidRequestError(field=str(field)) if field:
            violation = error_details_pb2.BadRequest.FieldViolation(
                field=field, description=error.message, reason=error.reason
            )
            return [error_details_pb2.BadRequest(field_violations=[violation])]
        case NotFoundError():
            kind = _RESOURCE_TYPES.get(type(error), "resource")
            return [
                error_details_pb2.ResourceInfo(
                    resource_type=kind, resource_name=error.resource_name
                )
            ]
        case CapacityError() | UnavailableError():
            delay = Duration()
            delay.FromMilliseconds(max(1, round(error.retry_after_s * 1000)))
            return [error_details_pb2.RetryInfo(retry_delay=delay)]
        case _:
            return []

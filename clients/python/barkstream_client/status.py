"""From gRPC statuses to the error tree."""

from __future__ import annotations

import grpc
import grpc.aio
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from barkstream_client.errors import (
    AbortedError,
    AccessError,
    CallCancelledError,
    DeadlineError,
    ErrorInfo,
    FieldViolation,
    InvalidRequestError,
    NotFoundError,
    OutOfOrderError,
    ServerFailureError,
    ServerFullError,
    SpeechError,
    UnavailableError,
)

DETAILS_KEY = "grpc-status-details-bin"

_ERRORS: dict[grpc.StatusCode, type[SpeechError]] = {
    grpc.StatusCode.CANCELLED: CallCancelledError,
    grpc.StatusCode.UNKNOWN: ServerFailureError,
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequestError,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineError,
    grpc.StatusCode.NOT_FOUND: NotFoundError,
    grpc.StatusCode.ALREADY_EXISTS: OutOfOrderError,
    grpc.StatusCode.PERMISSION_DENIED: AccessError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ServerFullError,
    grpc.StatusCode.FAILED_PRECONDITION: OutOfOrderError,
    grpc.StatusCode.ABORTED: AbortedError,
    grpc.StatusCode.OUT_OF_RANGE: InvalidRequestError,
    grpc.StatusCode.UNIMPLEMENTED: ServerFailureError,
    grpc.StatusCode.INTERNAL: ServerFailureError,
    grpc.StatusCode.UNAVAILABLE: UnavailableError,
    grpc.StatusCode.DATA_LOSS: ServerFailureError,
    grpc.StatusCode.UNAUTHENTICATED: AccessError,
}

_CODES = {code.value[0]: code for code in grpc.StatusCode}


def error_from_rpc(error: grpc.aio.AioRpcError) -> SpeechError:
    """The typed error of a failed call, with the details of its trailing metadata."""
    code, message = error.code(), error.details() or ""
    # A proxy whose back end died answers UNKNOWN "Stream removed" where a direct connection
    # answers UNAVAILABLE; to callers both mean: connect again.
    if code is grpc.StatusCode.UNKNOWN and "stream removed" in message.lower():
        code = grpc.StatusCode.UNAVAILABLE
    status = _status_of(error.trailing_metadata())
    if status is not None:
        return _build(code, message or status.message, _info_of(status))
    return _build(code, message, ErrorInfo())


def error_from_status(status: status_pb2.Status) -> SpeechError:
    """The typed error of a context that failed while its session lives on."""
    code = _CODES.get(status.code, grpc.StatusCode.UNKNOWN)
    return _build(code, status.message, _info_of(status))


def _build(code: grpc.StatusCode, message: str, info: ErrorInfo) -> SpeechError:
    cls = _ERRORS.get(code, ServerFailureError)
    return cls(message or f"the server answered {code.name}", code=code, info=info)


def _status_of(metadata: grpc.aio.Metadata | None) -> status_pb2.Status | None:
    for key, value in metadata or ():
        if key == DETAILS_KEY:
            try:
                return status_pb2.Status.FromString(
                    value if isinstance(value, bytes) else value.encode("latin-1")
                )
            except DecodeError:
                # A damaged detail must not hide the error that it belongs to.
                return None
    return None


def _info_of(status: status_pb2.Status) -> ErrorInfo:
    reason, metadata = "", {}
    violations: list[FieldViolation] = []
    retry_after_s = None
    info = error_details_pb2.ErrorInfo()
    request = error_details_pb2.BadRequest()
    retry = error_details_pb2.RetryInfo()
    for detail in status.details:
        try:
            if detail.Unpack(info):
                reason, metadata = info.reason, dict(info.metadata)
            elif detail.Unpack(request):
                violations += [
                    FieldViolation(violation.field, violation.description)
                    for violation in request.field_violations
                ]
            elif detail.Unpack(retry):
                delay = retry.retry_delay
                retry_after_s = delay.seconds + delay.nanos / 1e9
        except DecodeError:
            continue  # See above.
    return ErrorInfo(reason, tuple(violations), retry_after_s, metadata)

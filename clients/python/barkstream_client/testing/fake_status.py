"""Rich statuses, as the real server sends them."""

from __future__ import annotations

from dataclasses import dataclass

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from barkstream_client.options import duration
from barkstream_client.testing.fake_script import FakeFailure

DOMAIN = "barkstream"


@dataclass(frozen=True, slots=True)
class FakeStatusError(Exception):
    """Ends a call or fails a context."""

    failure: FakeFailure
    field: str = ""

    def status(self) -> status_pb2.Status:
        """The google.rpc form."""
        failure = self.failure
        status = status_pb2.Status(code=failure.code.value[0], message=failure.message)
        details: list[Message] = [error_details_pb2.ErrorInfo(reason=failure.reason, domain=DOMAIN)]
        if self.field:
            violation = error_details_pb2.BadRequest.FieldViolation(
                field=self.field, description=failure.message
            )
            details.append(error_details_pb2.BadRequest(field_violations=[violation]))
        if failure.retry_after_s is not None:
            details.append(error_details_pb2.RetryInfo(retry_delay=duration(failure.retry_after_s)))
        for detail in details:
            status.details.add().Pack(detail)
        return status


def invalid(message: str, *, reason: str, field: str) -> FakeStatusError:
    """The caller's fault."""
    return FakeStatusError(FakeFailure(grpc.StatusCode.INVALID_ARGUMENT, message, reason), field)


def empty_text() -> FakeStatusError:
    """There is nothing to say."""
    return invalid("the text is empty", reason="TEXT_EMPTY", field="text")


def not_found(message: str, *, reason: str) -> FakeStatusError:
    """Something named does not exist."""
    return FakeStatusError(FakeFailure(grpc.StatusCode.NOT_FOUND, message, reason))


def out_of_order(message: str, *, reason: str) -> FakeStatusError:
    """The wrong moment."""
    return FakeStatusError(FakeFailure(grpc.StatusCode.FAILED_PRECONDITION, message, reason))


def full(message: str, *, reason: str) -> FakeStatusError:
    """No room."""
    return FakeStatusError(
        FakeFailure(grpc.StatusCode.RESOURCE_EXHAUSTED, message, reason, retry_after_s=1.0)
    )

"""The one error tree of the client.

::

    SpeechError
    ├── InvalidRequestError     the request can never succeed as it stands; see ``violations``
    ├── NotFoundError           no such voice or context
    ├── OutOfOrderError         a message that came at the wrong moment
    ├── ServerFullError         no room; see ``retry_after_s``
    ├── UnavailableError        not now, or the connection was lost; see ``retry_after_s``
    ├── DeadlineError           ``timeout_s`` passed
    ├── AbortedError            the server gave the call up (an idle session, for one)
    ├── AccessError             credentials are missing or not allowed to do this
    ├── CallCancelledError      the call was cancelled by somebody else than the awaiting task
    ├── ServerFailureError      a fault of the server's
    └── ClientError             raised by this package itself
        ├── OptionError         an option of the wrong kind
        ├── UndecodableError    the audio needs a decoder that this package does not have
        ├── SlowReaderError     a context's buffer ran full because nobody read it
        ├── ClosedError         used after it was closed
        └── ProtocolError       the server broke the protocol

A cancelled task still sees ``asyncio.CancelledError``, never one of these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import grpc


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """What is wrong with one field of the request.

    Attributes:
        field: Path of the field, such as "config.audio_format.sample_rate_hz".
        description: What is wrong and what would be right.
    """

    field: str
    description: str


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """What the server told about an error besides its message.

    Attributes:
        reason: Stable UPPER_SNAKE word for programs, such as "VOICE_NOT_FOUND"; empty: none given.
        violations: The offending fields.
        retry_after_s: When to try again, or None.
        metadata: The dynamic values of the message.
    """

    reason: str = ""
    violations: tuple[FieldViolation, ...] = ()
    retry_after_s: float | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


class SpeechError(Exception):
    """Root of the tree.

    Attributes:
        message: What happened and what to do about it.
        code: The gRPC status code.
        info: What the server told besides.
    """

    def __init__(
        self,
        message: str,
        *,
        code: grpc.StatusCode = grpc.StatusCode.UNKNOWN,
        info: ErrorInfo | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.info = info or ErrorInfo()

    @property
    def reason(self) -> str:
        """Stable UPPER_SNAKE word for programs; empty if the server gave none."""
        return self.info.reason

    @property
    def violations(self) -> tuple[FieldViolation, ...]:
        """The offending fields of the request."""
        return self.info.violations

    @property
    def retry_after_s(self) -> float | None:
        """When to try again, if the server said so."""
        return self.info.retry_after_s

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed later."""
        return isinstance(self, (UnavailableError, ServerFullError))


class InvalidRequestError(SpeechError):
    """The request can never succeed as it stands."""


class NotFoundError(SpeechError):
    """Something that the request names does not exist."""


class OutOfOrderError(SpeechError):
    """A message that is right in itself came at the wrong moment."""


class ServerFullError(SpeechError):
    """The server has no room."""


class UnavailableError(SpeechError):
    """The server cannot be reached, is warming up or draining, or the connection was lost."""


class DeadlineError(SpeechError):
    """The time limit of the call passed."""


class AbortedError(SpeechError):
    """The server gave the call up."""


class AccessError(SpeechError):
    """Credentials are missing, wrong, or not allowed to do this."""


class CallCancelledError(SpeechError):
    """The call was cancelled by somebody else than the awaiting task."""


class ServerFailureError(SpeechError):
    """A fault of the server's; its log knows more."""


class ClientError(SpeechError):
    """Raised by this package itself."""


class OptionError(ClientError):
    """An option of the wrong kind."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code=grpc.StatusCode.INVALID_ARGUMENT)


class UndecodableError(ClientError):
    """The audio needs a decoder that this package does not have."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code=grpc.StatusCode.UNIMPLEMENTED)


class SlowReaderError(ClientError):
    """A context's buffer ran full because nobody read its events."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code=grpc.StatusCode.RESOURCE_EXHAUSTED)


class ClosedError(ClientError):
    """A client, session or context was used after it was closed."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code=grpc.StatusCode.FAILED_PRECONDITION)


class ProtocolError(ClientError):
    """The server broke the protocol."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code=grpc.StatusCode.INTERNAL)

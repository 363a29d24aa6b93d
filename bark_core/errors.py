"""The one error tree of barkstream.

::

    BarkstreamError
    ├── InvalidRequestError            the caller's fault; names the field
    │   ├── TextError                  empty, too long, unspeakable text
    │   ├── AudioFormatError           encoding, sample rate
    │   ├── OptionError                sampling, policy and other options out of range
    │   └── VoiceDataError             a history prompt that cannot be used
    ├── NotFoundError
    │   ├── UnknownVoiceError
    │   └── UnknownContextError
    ├── OutOfOrderError                right message, wrong moment
    ├── CapacityError                  full; carries ``retry_after_s``
    ├── UnavailableError               not now; carries ``retry_after_s``
    │   ├── WarmingUpError
    │   ├── DrainingError
    │   └── EngineDiedError
    ├── DeadlineError                  the caller's own time limit passed
    ├── IdleTimeoutError               a session was silent longer than it allowed itself
    ├── StalledReaderError             the listener stopped taking what it asked for
    ├── EngineFailureError             a bug or a broken model; the caller cannot mend it
    └── SetupError                     raised before anything is served
        ├── ConfigError
        ├── CheckpointError
        └── MissingDependencyError

Every message says what to do about it. ``reason`` is a stable UPPER_SNAKE word that travels to
clients as ``google.rpc.ErrorInfo.reason``; the server maps classes to gRPC codes in one table.
Errors cross process boundaries, so all of them pickle.
"""

from __future__ import annotations

from typing import ClassVar


class BarkstreamError(Exception):
    """Root of the tree.

    Args:
        message: What happened and what to do about it, without any of the caller's text.
        reason: UPPER_SNAKE word for programs; the class has a default.
    """

    default_reason: ClassVar[str] = "INTERNAL"

    def __init__(self, message: str, *, reason: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason or self.default_reason

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by state: subclasses have keyword-only arguments."""
        return _rebuild, (type(self), self.message, dict(self.__dict__))


def _rebuild(cls: type[BarkstreamError], message: str, state: dict[str, object]) -> BarkstreamError:
    error = cls.__new__(cls)
    Exception.__init__(error, message)
    error.__dict__.update(state)
    return error


class InvalidRequestError(BarkstreamError):
    """The request can never succeed as it stands. ``field`` names the offending field."""

    default_reason = "INVALID_REQUEST"

    def __init__(self, message: str, *, field: str = "", reason: str | None = None) -> None:
        super().__init__(message, reason=reason)
        self.field = field


class TextError(InvalidRequestError):
    """Text that cannot be spoken: empty, too long, control characters, nothing speakable."""

    default_reason = "TEXT_INVALID"


class AudioFormatError(InvalidRequestError):
    """An encoding or sample rate that is not offered."""

    default_reason = "AUDIO_FORMAT_UNSUPPORTED"


class OptionError(InvalidRequestError):
    """An option outside its range."""

    default_reason = "OPTION_INVALID"


class VoiceDataError(InvalidRequestError):
    """A history prompt whose file, shapes, ranges or ratios are wrong."""

    default_reason = "VOICE_DATA_INVALID"


class NotFoundError(BarkstreamError):
    """Something named by the caller does not exist. ``resource_name`` is that name, if short."""

    default_reason = "NOT_FOUND"

    def __init__(self, message: str, *, resource_name: str = "", reason: str | None = None) -> None:
        super().__init__(message, reason=reason)
        self.resource_name = resource_name


class UnknownVoiceError(NotFoundError):
    """No voice has that name; the message lists the nearest names."""

    default_reason = "VOICE_NOT_FOUND"


class UnknownContextError(NotFoundError):
    """No live context of the session has that id."""

    default_reason = "CONTEXT_NOT_FOUND"


class OutOfOrderError(BarkstreamError):
    """A message that is right in itself came at the wrong moment."""

    default_reason = "OUT_OF_ORDER"


class CapacityError(BarkstreamError):
    """No room. ``retry_after_s`` says when to try again."""

    default_reason = "CAPACITY_EXHAUSTED"

    def __init__(
        self, message: str, *, retry_after_s: float = 1.0, reason: str | None = None
    ) -> None:
        super().__init__(message, reason=reason)
        self.retry_after_s = retry_after_s


class UnavailableError(BarkstreamError):
    """Not now. ``retry_after_s`` says when to try again."""

    default_reason = "UNAVAILABLE"

    def __init__(
        self, message: str, *, retry_after_s: float = 1.0, reason: str | None = None
    ) -> None:
        super().__init__(message, reason=reason)
        self.retry_after_s = retry_after_s


class WarmingUpError(UnavailableError):
    """The model is still being loaded or warmed up."""

    default_reason = "WARMING_UP"


class DrainingError(UnavailableError):
    """The server is shutting down."""

    default_reason = "DRAINING"


class EngineDiedError(UnavailableError):
    """The process that runs the model is gone; it is being started again."""

    default_reason = "ENGINE_DIED"


class DeadlineError(BarkstreamError):
    """The caller's deadline passed."""

    default_reason = "DEADLINE_EXCEEDED"


class IdleTimeoutError(BarkstreamError):
    """A session stayed silent for longer than the limit it was opened with."""

    default_reason = "IDLE_TIMEOUT"


class StalledReaderError(BarkstreamError):
    """The other side stopped reading; what was being made for it is dropped."""

    default_reason = "READER_STALLED"


class EngineFailureError(BarkstreamError):
    """The engine failed on this request; others go on."""

    default_reason = "ENGINE_FAILED"


class SetupError(BarkstreamError):
    """Raised while starting, before anything is served."""

    default_reason = "SETUP_FAILED"


class ConfigError(SetupError):
    """A configuration value or key is wrong."""

    default_reason = "CONFIG_INVALID"


class CheckpointError(SetupError):
    """A checkpoint is missing, damaged, unsafe or of another shape than it declares."""

    default_reason = "CHECKPOINT_INVALID"


class MissingDependencyError(SetupError):
    """An optional package is needed; the message gives the install command."""

    default_reason = "DEPENDENCY_MISSING"

"""``google.protobuf.Duration`` to and from seconds."""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration

from bark_core.errors import OptionError

_NANOS = 1_000_000_000


def duration_of(seconds: float) -> Duration:
    """Seconds as a Duration, to the nearest nanosecond."""
    nanos = round(seconds * _NANOS)
    return Duration(seconds=nanos // _NANOS, nanos=nanos % _NANOS)


def seconds_of(duration: Duration, field: str, *, low_s: float, high_s: float) -> float:
    """A Duration as seconds.

    Args:
        duration: As received.
        field: Its path in the request, for the error.
        low_s: Least value allowed.
        high_s: Greatest value allowed.

    Raises:
        OptionError: Out of range.
    """
    seconds = duration.seconds + duration.nanos / _NANOS
    if not low_s <= seconds <= high_s:
        raise OptionError(
            f"{field} must be between {low_s:g} s and {high_s:g} s, got {seconds:g} s", field=field
        )
    return seconds

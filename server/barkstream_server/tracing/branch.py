"""A place in a tree of spans, where more can be hung; its times are of the monotonic clock."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Tracer, set_span_in_context
from opentelemetry.util.types import AttributeValue

_NANOS = 1_000_000_000


def _offset_ns() -> int:
    """From the monotonic clock, which everything here is timed by, to the one of traces."""
    return time.time_ns() - time.monotonic_ns()


@dataclass(frozen=True, slots=True)
class Branch:
    """Makes spans below one parent.

    Attributes:
        tracer: Makes them.
        parent: What they are children of.
        offset_ns: Read once for all of a tree: its spans fit each other whatever is set meanwhile.
    """

    tracer: Tracer
    parent: Context
    offset_ns: int = field(default_factory=_offset_ns)

    def at(self, monotonic_s: float) -> int:
        """A ``time.monotonic()`` moment in nanoseconds since 1970."""
        return round(monotonic_s * _NANOS) + self.offset_ns

    def start(
        self,
        name: str,
        start_s: float,
        attributes: Mapping[str, AttributeValue],
        kind: SpanKind = SpanKind.INTERNAL,
    ) -> Span:
        """A span that began at a ``time.monotonic()`` moment; whoever asks for it ends it."""
        return self.tracer.start_span(
            name,
            context=self.parent,
            kind=kind,
            attributes=dict(attributes),
            start_time=self.at(start_s),
        )

    def end(self, span: Span, end_s: float | None = None) -> None:
        """End a span at a ``time.monotonic()`` moment; None: now."""
        span.end(self.at(time.monotonic() if end_s is None else end_s))

    def below(self, span: Span) -> Branch:
        """Where children of a span are made."""
        return replace(self, parent=set_span_in_context(span, Context()))

"""Spans in memory, for tests: what was traced, as a tree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from barkstream_server.tracing.spans import OpenTelemetryTracing
from tests.support.serving import eventually


class Traces:
    """A tracing that keeps everything."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracing = OpenTelemetryTracing(provider, "test", lambda: None)

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self._exporter.get_finished_spans()

    async def arrive(self, condition: Callable[[Traces], bool]) -> None:
        """Wait until something holds: spans end after the last message."""
        await eventually(lambda: condition(self))

    async def calls(self, count: int = 1) -> None:
        """Wait for the ends of so many calls."""
        await self.arrive(lambda traces: len(traces.named("Service/")) >= count)

    def named(self, part: str) -> list[ReadableSpan]:
        return [span for span in self.spans if part in span.name]

    def one(self, part: str) -> ReadableSpan:
        (span,) = self.named(part)
        return span

    def below(self, parent: ReadableSpan) -> list[ReadableSpan]:
        """Children, in the order of their starts."""
        children = [
            span for span in self.spans if span.parent and span.parent.span_id == _id(parent)
        ]
        return sorted(children, key=lambda span: span.start_time or 0)

    def everything(self) -> str:
        """All that would leave, as one text."""
        return "\n".join(span.to_json() for span in self.spans)


def attributes(span: ReadableSpan) -> dict[str, Any]:
    """Of a span, without our prefix."""
    return {
        name.removeprefix("barkstream."): value for name, value in (span.attributes or {}).items()
    }


def _id(span: ReadableSpan) -> int:
    assert span.context is not None
    return int(span.context.span_id)

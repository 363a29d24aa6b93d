"""Traces: what became of a call, span by span. Only ``spans`` and ``exporting`` know OpenTelemetry.

opentelemetry-instrumentation-grpc is not used: it would see one kind of method only (all of ours
are registered as streams), know no reason codes, record the text of exceptions, and it is pinned
to one release of the API. The one wrapper of all calls (``methods``) knows all of it already.
"""

from barkstream_server.tracing.base import CallTrace, ContextTrace, NoTracing, Tracing

__all__ = ["CallTrace", "ContextTrace", "NoTracing", "Tracing"]

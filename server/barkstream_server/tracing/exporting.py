"""Spans on their way to a collector, by OpenTelemetry's SDK and its exporter for OTLP over gRPC.

Whatever the collector does, nobody waits: spans queue up in a bounded queue (``OTEL_BSP_*``), a
thread of the SDK sends them, and what finds no room is dropped.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from bark_core.errors import ConfigError
from barkstream_server.logs import log_event
from barkstream_server.tracing.spans import OpenTelemetryTracing

logger = logging.getLogger("barkstream.tracing")

SERVICE_NAME = "barkstream"
# What is left at the end may take so long; then the exporter gives up.
FLUSH_S = 2.0
# They log every attempt. What they say is said once for each outage instead.
_TALKATIVE = (
    "opentelemetry.exporter.otlp.proto.grpc.exporter",
    "opentelemetry.sdk._shared_internal",
)


def otlp_tracing(endpoint: str | None, version: str) -> OpenTelemetryTracing:
    """Traces that are sent to a collector. Nothing is sent yet.

    Args:
        endpoint: "http://HOST:PORT" or "https://HOST:PORT"; None: from OTEL_EXPORTER_OTLP_*.
        version: Of barkstream.

    Raises:
        ConfigError: An OTEL_* variable has a value that cannot be used.
    """
    try:
        exporter = QuietExporter(OTLPSpanExporter(endpoint=endpoint))
        provider = TracerProvider(resource=_resource(version), shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(exporter))
    except (ValueError, OSError) as error:
        raise ConfigError(
            f"OpenTelemetry cannot be set up: {error}; check the OTEL_* environment variables"
        ) from error

    def close() -> None:
        late = threading.Timer(FLUSH_S, exporter.shutdown)
        late.daemon = True
        late.start()
        try:
            provider.shutdown()  # waits for the export of what is left
        finally:
            late.cancel()
            late.join()
            exporter.let_talk()

    return OpenTelemetryTracing(provider, version, close)


class QuietExporter(SpanExporter):
    """Passes spans on; says once that they do not arrive, and once that they do again.

    Args:
        exporter: Sends them.
    """

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._arriving = True
        self._closed = False
        self._gossip = _Gossip()
        for name in _TALKATIVE:
            logging.getLogger(name).addFilter(self._gossip)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans; blocks the SDK's thread."""
        cause = None
        try:
            result = self._exporter.export(spans)
        except Exception as error:  # noqa: BLE001 - the SDK's thread must go on
            result, cause = SpanExportResult.FAILURE, error
        arriving = result is SpanExportResult.SUCCESS
        if arriving:
            self._gossip.first = ""
        if arriving != self._arriving:
            self._arriving = arriving
            if arriving:
                log_event(logger, logging.INFO, "traces arrive again")
            else:
                log_event(
                    logger,
                    logging.WARNING,
                    "traces do not arrive; they are dropped until they do",
                    error=cause,
                    cause=self._gossip.first or None,
                )
        return result

    def shutdown(self) -> None:
        """Give up what is being sent. Safe to call twice."""
        if not self._closed:
            self._closed = True
            self._exporter.shutdown()

    def let_talk(self) -> None:
        """No longer stand for what the libraries log."""
        for name in _TALKATIVE:
            logging.getLogger(name).removeFilter(self._gossip)


class _Gossip(logging.Filter):
    """Keeps what was said first, which names the cause, and lets nothing through."""

    def __init__(self) -> None:
        super().__init__()
        self.first = ""

    def filter(self, record: logging.LogRecord) -> bool:
        self.first = self.first or record.getMessage()
        return False


def _resource(version: str) -> Resource:
    """Who sends; OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win over ours."""
    found = dict(Resource.create().attributes)
    if str(found["service.name"]).startswith("unknown_service"):  # the SDK's default
        found["service.name"] = SERVICE_NAME
    return Resource({"service.version": version, **found})

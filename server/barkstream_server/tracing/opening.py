"""Whether there are traces. OpenTelemetry is imported only where there are."""

from __future__ import annotations

from collections.abc import Mapping

from bark_core.errors import ConfigError, SetupError
from barkstream_server.tracing.base import NoTracing, Tracing

DISABLED = "OTEL_SDK_DISABLED"
EXPORTER = "OTEL_TRACES_EXPORTER"
ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


def open_tracing(endpoint: str | None, environment: Mapping[str, str], version: str) -> Tracing:
    """The traces that are asked for, by option or by OpenTelemetry's own variables.

    Args:
        endpoint: The option ``otlp_endpoint``; None: not given.
        environment: Such as ``os.environ``.
        version: Of barkstream.

    Raises:
        ConfigError: What is asked for cannot be done.
        SetupError: A library is missing.
    """
    if environment.get(DISABLED, "").lower() == "true":
        return NoTracing()
    if endpoint is None and not _asked_for(environment):
        return NoTracing()
    try:
        from barkstream_server.tracing.exporting import otlp_tracing  # noqa: PLC0415
    except ImportError as error:
        raise SetupError(
            "traces need OpenTelemetry's libraries: pip install 'barkstream[server]', or set "
            f"{DISABLED}=true"
        ) from error
    return otlp_tracing(endpoint, version)


def _asked_for(environment: Mapping[str, str]) -> bool:
    """Whether OpenTelemetry's variables ask for traces that this server can send."""
    exporter = environment.get(EXPORTER, "")
    if exporter == "none":
        return False
    if exporter not in {"", "otlp"}:
        raise ConfigError(f"{EXPORTER} must be otlp or none here, got {exporter!r}")
    if not exporter and not any(environment.get(name) for name in ENDPOINTS):
        return False
    protocol = next((environment[name] for name in PROTOCOLS if environment.get(name)), "grpc")
    if protocol != "grpc":
        raise ConfigError(
            f"traces are sent by OTLP over gRPC only, not {protocol!r}: give --otlp-endpoint with "
            f"the collector's gRPC port (usually 4317), set {PROTOCOLS[0]}=grpc, or "
            f"{EXPORTER}=none"
        )
    return True

"""Spans on their way out: whether there are any, to whom they go, and what if nobody takes them."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from bark_core.errors import ConfigError
from barkstream.v1 import speech_service_pb2 as pb
from barkstream_client import SpeechClient
from barkstream_server.config import ServerConfig
from barkstream_server.tracing import NoTracing
from barkstream_server.tracing.exporting import QuietExporter, otlp_tracing
from barkstream_server.tracing.opening import open_tracing
from barkstream_server.tracing.spans import OpenTelemetryTracing
from tests.support.serving import LONG_TEXT, PATIENCE_S, SENTENCE, served

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
ROOT = Path(__file__).resolve().parents[2]


class Collector(trace_service_pb2_grpc.TraceServiceServicer):  # type: ignore[misc,unused-ignore]
    """Takes spans as an OpenTelemetry collector does."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.came = threading.Event()

    def Export(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.requests.append(request)
        self.came.set()
        return trace_service_pb2.ExportTraceServiceResponse()

    def spans(self) -> list[Any]:
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def resource(self) -> dict[str, str]:
        (resource, *_) = self.requests[0].resource_spans
        return {pair.key: pair.value.string_value for pair in resource.resource.attributes}


@contextmanager
def collecting(port: int = 0) -> Iterator[tuple[Collector, str]]:
    collector = Collector()
    with ThreadPoolExecutor(2) as pool:
        server = grpc.server(pool)
        add: Any = trace_service_pb2_grpc.add_TraceServiceServicer_to_server
        add(collector, server)
        taken = server.add_insecure_port(f"127.0.0.1:{port}")
        server.start()
        try:
            yield collector, f"http://127.0.0.1:{taken}"
        finally:
            server.stop(None).wait()


async def test_spans_reach_a_collector_at_the_latest_when_the_server_ends() -> None:
    with collecting() as (collector, endpoint):
        async with served(tracing=otlp_tracing(endpoint, "1.2.3")) as target:
            await target.speech.Synthesize(pb.SynthesizeRequest(text=SENTENCE))
        names = [span.name for span in collector.spans()]
    assert {"context", "utterance", "codec"} < set(names)
    assert "barkstream.v1.SpeechService/Synthesize" in names
    resource = collector.resource()
    assert (resource["service.name"], resource["service.version"]) == ("barkstream", "1.2.3")


async def test_the_option_of_the_command() -> None:
    with collecting() as (collector, endpoint):
        options = ("--otlp-endpoint", endpoint, "--backend", "fake", "--checkpoint", "noise")
        command = ("-m", "barkstream_server", "serve", "--listen", "127.0.0.1:0", *options)
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        address = (await process.stdout.readline()).decode().split()[-1]
        async with SpeechClient.connect(address) as client:
            await client.synthesize(SENTENCE)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_S):
            await process.communicate()
    assert process.returncode == 0
    by_name = {span.name: span for span in collector.spans()}
    fine, utterance = by_name["fine"], by_name["utterance"]
    assert fine.parent_span_id == utterance.span_id
    # The engine's process and ours count from the same moment.
    assert utterance.start_time_unix_nano <= fine.start_time_unix_nano
    assert fine.end_time_unix_nano <= utterance.end_time_unix_nano
    call = by_name["barkstream.v1.SpeechService/Synthesize"]
    assert call.start_time_unix_nano <= utterance.start_time_unix_nano
    assert utterance.end_time_unix_nano <= call.end_time_unix_nano


async def test_the_operator_s_own_names_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "voice-of-the-shop")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test")
    with collecting() as (collector, endpoint):
        monkeypatch.setenv(ENDPOINT, endpoint)
        tracing = open_tracing(None, os.environ, "1.2.3")
        async with served(tracing=tracing) as target:
            await target.speech.Synthesize(pb.SynthesizeRequest(text=SENTENCE))
    resource = collector.resource()
    assert resource["service.name"] == "voice-of-the-shop"
    assert resource["deployment.environment"] == "test"


async def test_a_collector_that_is_not_there_costs_one_warning_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "1")
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "8")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "8")
    with socket.socket() as nobody:  # bound, but nobody listens
        nobody.bind(("127.0.0.1", 0))
        tracing = otlp_tracing(f"http://127.0.0.1:{nobody.getsockname()[1]}", "test")
        async with served(tracing=tracing) as target:
            for _ in range(3):  # far more spans than the queue holds
                answer = await target.speech.Synthesize(pb.SynthesizeRequest(text=LONG_TEXT))
                assert answer.audio
    warned = [record for record in caplog.records if "traces" in record.getMessage()]
    assert [record.levelname for record in warned] == ["WARNING"]
    # The queue may be full before the first attempt to send it has failed.
    cause = vars(warned[0])["fields"]["cause"]
    assert "UNAVAILABLE" in cause or "Queue full" in cause
    assert not [record for record in caplog.records if record.name.startswith("opentelemetry")]
    assert not [name.name for name in threading.enumerate() if "Otel" in name.name]


class Scripted(SpanExporter):
    """Succeeds or not, as told."""

    def __init__(self, *outcomes: SpanExportResult | Exception) -> None:
        self._outcomes = list(outcomes)
        self.shutdowns = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        outcome = self._outcomes.pop(0)
        logging.getLogger("opentelemetry.exporter.otlp.proto.grpc.exporter").warning("once more")
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def shutdown(self) -> None:
        self.shutdowns += 1


def test_each_outage_is_told_once_and_its_end_too(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    good, bad = SpanExportResult.SUCCESS, SpanExportResult.FAILURE
    inner = Scripted(good, bad, bad, RuntimeError("odd"), good, good, RuntimeError("odd"), bad)
    exporter = QuietExporter(inner)
    results = [exporter.export([]) for _ in range(8)]
    assert results == [good, bad, bad, bad, good, good, bad, bad]
    levels = [record.levelname for record in caplog.records]
    assert levels == ["WARNING", "INFO", "WARNING"]
    exporter.shutdown()
    exporter.shutdown()
    assert inner.shutdowns == 1
    exporter.let_talk()
    logging.getLogger("opentelemetry.exporter.otlp.proto.grpc.exporter").warning("heard again")
    assert caplog.records[-1].getMessage() == "heard again"


@pytest.mark.parametrize(
    ("environment", "on"),
    [
        ({}, False),
        ({ENDPOINT: ""}, False),
        ({ENDPOINT: "http://127.0.0.1:1"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({ENDPOINT: "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"}, False),
        ({ENDPOINT: "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"}, False),
        ({ENDPOINT: "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, True),
    ],
)
def test_opentelemetry_s_own_variables_are_understood(
    environment: Mapping[str, str], *, on: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    tracing = open_tracing(None, environment, "test")
    assert isinstance(tracing, OpenTelemetryTracing if on else NoTracing)
    tracing.close()


def test_the_option_wins_over_the_variables() -> None:
    tracing = open_tracing("http://127.0.0.1:1", {"OTEL_TRACES_EXPORTER": "none"}, "test")
    assert isinstance(tracing, OpenTelemetryTracing)
    tracing.close()
    disabled = open_tracing("http://127.0.0.1:1", {"OTEL_SDK_DISABLED": "TRUE"}, "test")
    assert isinstance(disabled, NoTracing)


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"OTEL_TRACES_EXPORTER": "jaeger"}, "OTEL_TRACES_EXPORTER"),
        ({ENDPOINT: "http://x:1", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, "4317"),
        ({ENDPOINT: "http://x:1", "OTEL_EXPORTER_OTLP_TIMEOUT": "soon"}, "OTEL_"),
    ],
)
def test_what_cannot_be_done_is_said_at_the_start(
    environment: Mapping[str, str], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=named):
        open_tracing(None, environment, "test")


@pytest.mark.parametrize("endpoint", ["localhost:4317", "http://localhost", "ftp://x:1", "http://"])
def test_an_endpoint_is_a_url_with_a_port(endpoint: str) -> None:
    with pytest.raises(ConfigError, match="otlp_endpoint"):
        ServerConfig(otlp_endpoint=endpoint)


WITHOUT = """
import asyncio, sys

sys.modules["opentelemetry"] = None  # importing it raises
from barkstream.v1 import speech_service_pb2 as pb
from barkstream_server.cli import serve
from barkstream_server.tracing.opening import open_tracing
from tests.support.serving import SENTENCE, served


async def main():
    async with served(tracing=open_tracing(None, {}, "test")) as target:
        answer = await target.speech.Synthesize(pb.SynthesizeRequest(text=SENTENCE))
        print(len(answer.audio))


asyncio.run(main())
"""


def test_without_traces_opentelemetry_is_not_even_imported() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0

"""What an operator watches, in Prometheus' form. Nothing in it tells of texts or callers.

The registry is the server's own, so two servers in one process do not add up.
"""

from __future__ import annotations

import threading
from collections import Counter as Counts
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from wsgiref.simple_server import WSGIServer

import grpc
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from bark_core.engine.events import UtteranceReport
from bark_core.engine.interface import EngineLoad
from bark_core.errors import SetupError
from barkstream_server.call import CallStats
from barkstream_server.engine_metrics import EngineCollector

# Seconds; a voice assistant's patience lies in the middle.
FIRST_AUDIO_BUCKETS_S = (0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
STOP_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class CallEnd:
    """How a call went.

    Attributes:
        method: Full name, ``/package.Service/Method``.
        code: What the caller was told, or would have been.
        reason: Of the error; None: there was none.
        duration_s: From its arrival.
        stats: What was sent.
    """

    method: str
    code: grpc.StatusCode
    reason: str | None
    duration_s: float
    stats: CallStats


@dataclass(frozen=True, slots=True)
class Gauges:
    """Where the values come from that are read when somebody asks."""

    load: Callable[[], EngineLoad]
    sessions: Callable[[], int]
    serving: Callable[[], bool]


@dataclass(slots=True)
class Totals:
    """What has happened since the start, for ``ServerService.WatchLoad``."""

    utterances: int = 0
    audio_s: float = 0.0
    underruns: int = 0
    refusals: Counts[str] = field(default_factory=Counts)

    def refused(self, code: grpc.StatusCode, reason: str) -> None:
        """Note a failure, if it was a refusal for lack of room or of time."""
        if code is grpc.StatusCode.RESOURCE_EXHAUSTED or reason == "DEADLINE_TOO_SHORT":
            self.refusals[reason] += 1


class ServerMetrics:
    """Counts what happens; offers it on a port of its own.

    Args:
        gauges: Where the present values come from.

    Attributes:
        gauges: The same.
        totals: What was counted, but for labels.
        registry: All metrics.
    """

    def __init__(self, gauges: Gauges) -> None:
        self.gauges = gauges
        self.totals = Totals()
        self.registry = CollectorRegistry()
        self._server: tuple[WSGIServer, threading.Thread] | None = None
        self._calls = self._counter("calls", "Calls that have ended.", "method", "code", "reason")
        self._failed = self._counter(
            "contexts_failed", "Contexts of sessions that failed or were refused.", "code", "reason"
        )
        self._first_audio = Histogram(
            "barkstream_first_audio_seconds",
            "From the arrival of a call's first text to its first audio.",
            ("method",),
            buckets=FIRST_AUDIO_BUCKETS_S,
            registry=self.registry,
        )
        self._audio = self._counter("audio_seconds", "Audio sent.", "method")
        self._utterances = self._counter("utterances", "Utterances spoken to their end.")
        self._unended = self._counter(
            "utterances_cut_off", "Utterances that reached the model's limit instead of their end."
        )
        self._underruns = self._counter(
            "underruns", "Times a listener in real time had run dry within an utterance."
        )
        self._stages = self._counter(
            "stage_seconds", "Model time that utterances took part in.", "stage"
        )
        self.registry.register(EngineCollector(gauges.load))
        self._gauge("sessions", "Speech calls that are open.", gauges.sessions)
        self._gauge("serving", "1 while new speech is taken.", gauges.serving)
        self._gauge("utterances_running", "Utterances with a slot.", lambda: gauges.load().running)
        self._gauge("utterances_waiting", "Utterances without one.", lambda: gauges.load().waiting)
        self._gauge(
            "places",
            "Listeners that can be fed at once, as measured; 0: not known.",
            lambda: gauges.load().places,
        )
        self._gauge("in_line", "Texts that wait for a place.", lambda: gauges.load().in_line)
        self._gauge(
            "expected_wait_seconds",
            "Time that a newcomer would wait for a place.",
            lambda: gauges.load().wait_s,
        )
        self._gauge("slots", "Slots in all.", lambda: gauges.load().slots)
        self._gauge(
            "realtime_factor",
            "Model time per second of audio lately; 0 before any.",
            lambda: gauges.load().realtime_factor or 0.0,
        )

    @property
    def address(self) -> str | None:
        """Where it listens, with the port that was really taken; None: nowhere."""
        if self._server is None:
            return None
        host, port = self._server[0].server_address[:2]
        return f"{host!s}:{port}"

    def listen(self, address: str) -> None:
        """Offer ``http://HOST:PORT/metrics``.

        Args:
            address: "HOST:PORT"; port 0 takes a free one.

        Raises:
            SetupError: The address is malformed or cannot be taken.
        """
        host, _, port = address.rpartition(":")
        try:
            self._server = start_http_server(int(port), host.strip("[]"), self.registry)
        except (OSError, ValueError, OverflowError) as error:
            raise SetupError(
                f"cannot offer metrics on {address!r}: give --metrics-listen HOST:PORT with an "
                "address of this machine and a port that is not in use",
                reason="LISTEN_FAILED",
            ) from error

    def close(self) -> None:
        """Stop listening. Blocks for a moment; safe to call twice."""
        if self._server is None:
            return
        server, thread = self._server
        self._server = None
        server.shutdown()
        server.server_close()
        thread.join(STOP_TIMEOUT_S)

    def call_ended(self, end: CallEnd) -> None:
        """A call is over."""
        self._calls.labels(end.method, end.code.name, end.reason or "").inc()
        if end.stats.first_audio_s is not None:
            self._first_audio.labels(end.method).observe(end.stats.first_audio_s)
        if end.stats.audio_s:
            self._audio.labels(end.method).inc(end.stats.audio_s)
        self.totals.audio_s += end.stats.audio_s
        self.totals.refused(end.code, end.reason or "")

    def context_failed(self, code: grpc.StatusCode, reason: str) -> None:
        """A context of a session failed, or was refused; the session goes on."""
        self._failed.labels(code.name, reason).inc()
        self.totals.refused(code, reason)

    def utterance_finished(self, report: UtteranceReport) -> None:
        """An utterance has been made to its end."""
        self.totals.utterances += 1
        self.totals.underruns += report.underruns
        self._utterances.inc()
        self._unended.inc(report.hit_limit)
        self._underruns.inc(report.underruns)
        for stage in fields(report.stages):
            seconds = getattr(report.stages, stage.name)
            self._stages.labels(stage.name.removesuffix("_s")).inc(seconds)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"barkstream_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, value: Callable[[], float]) -> None:
        Gauge(f"barkstream_{name}", text, registry=self.registry).set_function(value)

"""OpenTelemetry spans of a call: its texts, their utterances, and the stages of each.

::

    barkstream.v1.SpeechService/Converse     continues the caller's trace (W3C traceparent)
      context                                one text
        utterance                            from submission to its end
          queued, semantic, coarse, fine, codec

Attributes hold counts, times and names (those of the semantic conventions for RPC, where there are
any), never a caller's text: not even messages of errors are recorded, only their reasons.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import grpc
from opentelemetry.context import Context
from opentelemetry.trace import (
    Span,
    SpanKind,
    TracerProvider,
    format_trace_id,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from bark_core.engine.interface import Engine
from bark_core.options import ExactWindows
from bark_core.speech import (
    CancelReport,
    ContextCompleted,
    ContextFailed,
    SpeechContext,
    SpeechFrontend,
    SpeechUsage,
)
from barkstream_server.errors import code_of
from barkstream_server.tracing.base import CallTrace, ContextEnd, ContextTrace, NoTracing
from barkstream_server.tracing.branch import Branch
from barkstream_server.tracing.failures import mark_failed
from barkstream_server.tracing.utterances import UtteranceSpans

if TYPE_CHECKING:
    from bark_core.engine.events import TerminalEvent
    from barkstream_server.call import CallStats

OUR_METHODS = "/barkstream."


class OpenTelemetryTracing:
    """Makes spans of calls.

    Args:
        provider: Of the tracer; has the exporters.
        version: Of barkstream.
        close: Sends what is left and frees the exporters.
    """

    def __init__(self, provider: TracerProvider, version: str, close: Callable[[], None]) -> None:
        self._tracer = provider.get_tracer("barkstream", version)
        self._propagator = TraceContextTextMapPropagator()
        self._untraced = NoTracing()
        self._close = close

    def open_call(
        self, method: str, metadata: Iterable[tuple[str, str | bytes]], started_s: float
    ) -> CallTrace:
        """A call has come in. Health checks are not traced: they come all day long."""
        if not method.startswith(OUR_METHODS):
            return self._untraced
        carrier = {name: value for name, value in metadata if isinstance(value, str)}
        parent = self._propagator.extract(carrier, context=Context())
        return _CallSpan(Branch(self._tracer, parent), method.removeprefix("/"), started_s)

    def close(self) -> None:
        """Send what is left."""
        self._close()


class _CallSpan:
    def __init__(self, branch: Branch, method: str, started_s: float) -> None:
        attributes = {"rpc.system.name": "grpc", "rpc.method": method}
        self._branch = branch
        self._span = branch.start(method, started_s, attributes, SpanKind.SERVER)

    @property
    def trace_id(self) -> str | None:
        made = self._span.get_span_context()
        return format_trace_id(made.trace_id) if made.trace_flags.sampled else None

    def open_context(
        self, context: SpeechContext, frontend: SpeechFrontend, engine: Engine
    ) -> ContextTrace:
        exact = isinstance(context.settings.options.windows, ExactWindows)
        backend = engine.info.backend
        attributes: dict[str, AttributeValue] = {
            "barkstream.context_id": context.context_id,
            "barkstream.model": context.receipt.model,
            "barkstream.voice": context.receipt.voice,
            "barkstream.seed": context.receipt.seed,
            "barkstream.latency_mode": "exact" if exact else "low",
            "barkstream.backend": backend.name,
            "barkstream.device": backend.device,
            "barkstream.dtype": backend.dtype,
        }
        branch = self._branch.below(self._span)
        return _ContextSpan(branch, attributes, frontend.config.sample_rate_hz)

    def call_ended(self, code: grpc.StatusCode, reason: str | None, stats: CallStats) -> None:
        _set(self._span, "rpc.response.status_code", code.name)
        _set(self._span, "barkstream.ttfa_s", stats.first_audio_s)
        _set(self._span, "barkstream.audio_s", stats.audio_s or None)
        _set(self._span, "barkstream.utterances", stats.utterances or None)
        if reason is not None:
            mark_failed(self._span, code, reason)
        self._branch.end(self._span)


class _ContextSpan:
    def __init__(
        self, branch: Branch, attributes: Mapping[str, AttributeValue], rate_hz: int
    ) -> None:
        self._branch = branch
        self._rate_hz = rate_hz
        self._opened_s = time.monotonic()
        self._first_audio_s: float | None = None
        self._ended = False
        self._span = branch.start("context", self._opened_s, attributes)
        self._utterances = UtteranceSpans(branch.below(self._span), rate_hz)

    def submitted(self, utterance_id: str, index: int) -> None:
        self._utterances.submitted(utterance_id, index)

    def utterance_ended(self, event: TerminalEvent) -> None:
        self._utterances.ended(event)

    def sounded(self) -> None:
        if self._first_audio_s is None:
            self._first_audio_s = time.monotonic()
            self._span.add_event("first_audio", timestamp=self._branch.at(self._first_audio_s))

    def context_ended(self, end: ContextEnd | None, usage: SpeechUsage) -> None:
        if self._ended:
            return
        self._ended = True
        audio_s, first_s, made = (
            usage.samples / self._rate_hz,
            self._first_audio_s,
            self._utterances,
        )
        span = self._span
        _set(span, "barkstream.end_reason", _end_reason(end))
        _set(span, "barkstream.text_characters", usage.text_characters)
        _set(span, "barkstream.utterances", usage.utterances)
        _set(span, "barkstream.semantic_tokens", usage.semantic_tokens)
        _set(span, "barkstream.frames", usage.codec_frames)
        _set(span, "barkstream.audio_s", audio_s)
        _set(span, "barkstream.ttfa_s", None if first_s is None else first_s - self._opened_s)
        _set(span, "barkstream.realtime_factor", made.busy_s / audio_s if audio_s else None)
        _set(span, "barkstream.underruns", made.underruns)
        if isinstance(end, ContextFailed):
            mark_failed(span, code_of(type(end.error)), end.error.reason)
        self._branch.end(span)


def _end_reason(end: ContextEnd | None) -> str:
    match end:
        case ContextCompleted():
            return "completed"
        case CancelReport():
            return "cancelled"
        case ContextFailed():
            return "failed"
        case None:
            return "abandoned"


def _set(span: Span, name: str, value: AttributeValue | None) -> None:
    if value is not None:
        span.set_attribute(name, value)

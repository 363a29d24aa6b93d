"""What the server tells whoever traces. All of it happens on the event loop and must not block.

A caller's text passes by here (in reports of cancelled contexts, in errors); an implementation
must not keep any of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

import grpc

from bark_core.engine.events import TerminalEvent
from bark_core.engine.interface import Engine
from bark_core.speech import (
    CancelReport,
    ContextCompleted,
    ContextFailed,
    SpeechContext,
    SpeechFrontend,
    SpeechUsage,
)

if TYPE_CHECKING:
    from barkstream_server.call import CallStats

ContextEnd = ContextCompleted | CancelReport | ContextFailed


class ContextTrace(Protocol):
    """One text."""

    def submitted(self, utterance_id: str, index: int) -> None:
        """The engine has accepted an utterance."""
        ...

    def utterance_ended(self, event: TerminalEvent) -> None:
        """The engine is through with an utterance; also after the end of the context."""
        ...

    def sounded(self) -> None:
        """Audio leaves for the caller; told every time."""
        ...

    def context_ended(self, end: ContextEnd | None, usage: SpeechUsage) -> None:
        """The text is over. None: its caller or its call ended it. Only the first time counts."""
        ...


class CallTrace(Protocol):
    """One RPC."""

    @property
    def trace_id(self) -> str | None:
        """Name of the trace, for logs; None: it is not traced."""
        ...

    def open_context(
        self, context: SpeechContext, frontend: SpeechFrontend, engine: Engine
    ) -> ContextTrace:
        """A text begins."""
        ...

    def call_ended(self, code: grpc.StatusCode, reason: str | None, stats: CallStats) -> None:
        """The call is over."""
        ...


class Tracing(Protocol):
    """All calls of a server."""

    def open_call(
        self, method: str, metadata: Iterable[tuple[str, str | bytes]], started_s: float
    ) -> CallTrace:
        """A call has come in.

        Args:
            method: Full name, ``/package.Service/Method``.
            metadata: As received; may name the caller's own trace.
            started_s: ``time.monotonic()`` moment of arrival.
        """
        ...

    def close(self) -> None:
        """Send what is left, for a bounded time. Blocks; safe to call twice."""
        ...


class NoTracing:
    """Nothing is traced: a Tracing, a CallTrace and a ContextTrace that do nothing."""

    @property
    def trace_id(self) -> str | None:
        """There is no trace."""
        return None

    def open_call(
        self, method: str, metadata: Iterable[tuple[str, str | bytes]], started_s: float
    ) -> CallTrace:
        """Nothing."""
        del method, metadata, started_s
        return self

    def open_context(
        self, context: SpeechContext, frontend: SpeechFrontend, engine: Engine
    ) -> ContextTrace:
        """Nothing."""
        del context, frontend, engine
        return self

    def submitted(self, utterance_id: str, index: int) -> None:
        """Nothing."""

    def utterance_ended(self, event: TerminalEvent) -> None:
        """Nothing."""

    def sounded(self) -> None:
        """Nothing."""

    def context_ended(self, end: ContextEnd | None, usage: SpeechUsage) -> None:
        """Nothing."""

    def call_ended(self, code: grpc.StatusCode, reason: str | None, stats: CallStats) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""

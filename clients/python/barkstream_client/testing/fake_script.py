"""What a test wants the fake server to do."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import grpc


@dataclass(frozen=True, slots=True)
class FakeFailure:
    """An error for the next text.

    Attributes:
        code: Status of the call or, in a session, of the context.
        message: Its text.
        reason: ``google.rpc.ErrorInfo.reason``.
        retry_after_s: ``google.rpc.RetryInfo``, or None.
        after_chunks: Audio messages that come before it.
    """

    code: grpc.StatusCode = grpc.StatusCode.INTERNAL
    message: str = "scripted failure"
    reason: str = "SCRIPTED"
    retry_after_s: float | None = None
    after_chunks: int = 0


@dataclass(frozen=True, slots=True)
class FakeScript:
    """How the fake server behaves from now on.

    Attributes:
        first_audio_delay_s: Pause before the first audio of every text.
        chunk_delay_s: Pause after every audio message.
        chunk_s: Length of an audio message where the caller does not say.
        serving: Answer of the health check.
        open_delay_s: Pause before a session is opened.
        queued: Positions in line and expected waits in seconds that every text is told first.
        ignores_cancel: Never answer a cancel, as a hung server would.
        start_buffer_s: The first audio of every text carries a ``StartHint`` of so much; None: no
            hint.
    """

    first_audio_delay_s: float = 0.0
    chunk_delay_s: float = 0.0
    chunk_s: float = 0.1
    serving: bool = True
    open_delay_s: float = 0.0
    ignores_cancel: bool = False
    start_buffer_s: float | None = None
    queued: tuple[tuple[int, float], ...] = ()


class AudioGate:
    """Lets audio messages through: all, none, or so many. For tests of order without clocks."""

    def __init__(self) -> None:
        self._allowed: int | None = None
        self._changed = asyncio.Event()

    def close(self) -> None:
        """Let nothing through from now on."""
        self._allowed = 0

    def allow(self, messages: int) -> None:
        """Let so many more through, of any context."""
        self._allowed = (self._allowed or 0) + messages
        self._changed.set()

    def open(self) -> None:
        """Let everything through."""
        self._allowed = None
        self._changed.set()

    async def passage(self) -> None:
        """Wait for the permission to send one message, and use it."""
        while self._allowed == 0:
            self._changed.clear()
            await self._changed.wait()
        if self._allowed is not None:
            self._allowed -= 1

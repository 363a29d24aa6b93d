"""What the calls of a fake server share."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from google.protobuf.message import Message

from barkstream.v1 import speech_service_pb2 as pb
from barkstream_client.testing.fake_script import AudioGate, FakeFailure, FakeScript
from barkstream_client.testing.fake_speech import FakeSpeech
from barkstream_client.testing.fake_status import FakeStatusError

Send = Callable[[pb.SegmentStarted | pb.AudioChunk], Awaitable[None]]
MAX_RECORDED = 10_000


@dataclass(slots=True)
class FakeState:
    """Script, record and counters.

    Attributes:
        voices: Names; the first one is the default.
        max_contexts: Contexts that may live in one session.
        script: How to behave.
        gate: Lets audio messages through.
        failures: For the next texts, one each.
        received: Every message of every caller, newest last.
        metadata: What the newest call came with.
        live_calls: Calls being handled.
        live_contexts: Contexts being spoken.
    """

    voices: tuple[str, ...]
    max_contexts: int
    script: FakeScript = field(default_factory=FakeScript)
    gate: AudioGate = field(default_factory=AudioGate)
    failures: deque[FakeFailure] = field(default_factory=deque)
    received: deque[Message] = field(default_factory=lambda: deque(maxlen=MAX_RECORDED))
    metadata: dict[str, str | bytes] = field(default_factory=dict)
    live_calls: int = 0
    live_contexts: int = 0

    def next_failure(self) -> FakeFailure | None:
        """The error that the text now beginning is to end with."""
        return self.failures.popleft() if self.failures else None


class FakePerformer:
    """Speaks one text at the pace and with the errors of the script."""

    def __init__(self, state: FakeState, speech: FakeSpeech, send: Send) -> None:
        self._state = state
        self._speech = speech
        self._send = send
        self._failure = state.next_failure()

    async def perform(self, *, everything: bool) -> None:
        """Speak the sentences that are complete, or all.

        Raises:
            FakeStatusError: The script says so.
        """
        self._fail_if_due()
        for start, source in self._speech.source.take(everything=everything):
            for message in self._speech.speak(start, source):
                if isinstance(message, pb.AudioChunk):
                    await self._pace()
                    self._speech.hint(message, self._state.script.start_buffer_s)
                    await self._send(message)
                    self._speech.note_sent(message)
                    self._fail_if_due()
                    await asyncio.sleep(self._state.script.chunk_delay_s)
                else:
                    await self._send(message)

    async def _pace(self) -> None:
        if not self._speech.chunks and self._state.script.first_audio_delay_s:
            await asyncio.sleep(self._state.script.first_audio_delay_s)
        await self._state.gate.passage()

    def _fail_if_due(self) -> None:
        if self._failure is not None and self._speech.chunks >= self._failure.after_chunks:
            raise FakeStatusError(self._failure)

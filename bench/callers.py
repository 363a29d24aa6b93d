"""People on the line: each has a connection, a session, turns, pauses, an ear and little patience.

Everything goes through ``barkstream_client`` over real gRPC.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from barkstream_client import (
    Encoding,
    SpeechClient,
    SpeechError,
    SpeechSession,
)
from bench.arrivals import CallerPlan
from bench.call_records import CallerRecord, Refusal, TurnRecord
from bench.spoken_turn import SpokenTurn, is_refusal

# A slow reader takes so long to read a second of audio, which travels as four bytes a sample: what
# the connection holds for it is soon full.
SLOWNESS = 1.3
SLOW_ENCODING: Encoding = "pcm_f32le"
# Every caller has a TCP connection of its own, as people do; no proxy, no silent second try.
OWN_CONNECTION: dict[str, str | int] = {
    "grpc.use_local_subchannel_pool": 1,
    "grpc.enable_http_proxy": 0,
    "grpc.enable_retries": 0,
}


@dataclass(frozen=True, slots=True)
class Line:
    """What all callers of a run share.

    Attributes:
        target: The server's address.
        patience_s: A caller that is owed speech and hears none for so long hangs up.
        turns_until_s: Nobody begins another turn after this moment of ``now_s``.
        now_s: The clock of the run.
    """

    target: str
    patience_s: float
    turns_until_s: float
    now_s: Callable[[], float] = time.monotonic


class Caller:
    """One caller, from the first ring to hanging up. Its record is true at any moment.

    Args:
        plan: What it will do.
        line: Where it calls.
    """

    def __init__(self, plan: CallerPlan, line: Line) -> None:
        self.record = CallerRecord(plan.number, plan.slow)
        self._plan = plan
        self._line = line
        self._asked_s = 0.0

    async def call(self) -> None:
        """Hold the whole conversation."""
        self._asked_s = self._line.now_s()
        try:
            async with SpeechClient.connect(
                self._line.target, channel_options=OWN_CONNECTION
            ) as client:
                if self._plan.slow:
                    await self._read_slowly(client)
                else:
                    async with client.session() as session:
                        await self._converse(session)
        except SpeechError as error:
            if is_refusal(error):
                after_s = self._line.now_s() - self._asked_s
                self.record.refusal = Refusal(after_s, error.retry_after_s)
            else:
                self.record.failure = f"{type(error).__name__} {error.reason}".strip()

    async def _converse(self, session: SpeechSession) -> None:
        for turn in self._plan.turns:
            if self._line.now_s() >= self._line.turns_until_s:
                return
            record = TurnRecord()
            self.record.turns.append(record)
            self._asked_s = self._line.now_s()
            spoken = SpokenTurn(
                session.context(seed=turn.seed),
                turn,
                record,
                patience_s=self._line.patience_s,
                now_s=self._line.now_s,
                heard=self._heard,
            )
            if await spoken.run() == "gave_up":
                return
            await asyncio.sleep(turn.pause_s)

    async def _read_slowly(self, client: SpeechClient) -> None:
        """Read streams by hand: a session would read ahead of its reader."""
        for turn in self._plan.turns:
            if self._line.now_s() >= self._line.turns_until_s:
                return
            self._asked_s = self._line.now_s()
            text = " ".join(turn.parts)
            async with client.stream(text, seed=turn.seed, encoding=SLOW_ENCODING) as stream:
                async for audio in stream.audio():
                    length_s = audio.sample_count / audio.sample_rate_hz
                    self._heard(self._line.now_s(), length_s)
                    await asyncio.sleep(length_s * SLOWNESS)
            await asyncio.sleep(turn.pause_s)

    def _heard(self, at_s: float, length_s: float) -> None:
        self.record.deliveries.append((at_s, length_s))

"""One turn on the line: text goes in, an ear listens, and may interrupt or lose patience."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from barkstream_client import (
    Audio,
    CancelReport,
    Completed,
    Flushed,
    ServerFullError,
    SpeechContext,
    SpeechError,
    UnavailableError,
)
from bench.arrivals import Turn
from bench.call_records import TurnEnd, TurnRecord

TICK_S = 0.02
REPORT_INTERVAL_S = 0.5


def is_refusal(error: SpeechError) -> bool:
    """The server said that it has no room. A connection that was lost has no reason to tell."""
    return isinstance(error, ServerFullError | UnavailableError) and bool(error.reason)


class SpokenTurn:
    """Speaks one text in a context of its own.

    Args:
        context: A fresh one.
        turn: What to do.
        record: Filled in as it happens.
        patience_s: Silence that is borne while speech is owed.
        now_s: The clock of the run.
        heard: Told the moment and length of all audio.
    """

    def __init__(
        self,
        context: SpeechContext,
        turn: Turn,
        record: TurnRecord,
        *,
        patience_s: float,
        now_s: Callable[[], float],
        heard: Callable[[float, float], None],
    ) -> None:
        self._context = context
        self._turn = turn
        self._record = record
        self._patience_s = patience_s
        self._now_s = now_s
        self._heard = heard
        self._parts_given = 0
        self._reported_s = 0.0

    async def run(self) -> TurnEnd:
        """Until it is heard, interrupted or given up.

        Raises:
            SpeechError: The server refused or failed it; the record says so too.
        """
        end: TurnEnd = "cut"
        reading = asyncio.create_task(self._read())
        writing = asyncio.create_task(self._write())
        try:
            end = await self._listen(reading)
            # Of what has come already the server would have nothing to cancel.
            if end != "heard" and not reading.done():
                await self._cancel(end)
        except SpeechError as error:
            refused = is_refusal(error) and self._record.clock.start_s is None
            end = "refused" if refused else "broken"
            raise
        finally:
            self._record.leave(self._now_s(), end)
            self._context.close()
            writing.cancel()
            reading.cancel()
            await asyncio.gather(writing, reading, return_exceptions=True)
        return end

    async def _write(self) -> None:
        last = len(self._turn.parts) - 1
        with contextlib.suppress(SpeechError):  # The reader is told why.
            for number, part in enumerate(self._turn.parts):
                if number:
                    await asyncio.sleep(self._turn.gaps_s[number - 1])
                self._record.clock.give_text(self._now_s())
                self._parts_given += 1
                await self._context.append(part + " ")
                if number < last:
                    await self._context.flush(str(number + 1))
            await self._context.finish()

    async def _read(self) -> None:
        clock = self._record.clock
        async for event in self._context:
            match event:
                case Audio():
                    at_s, length_s = self._now_s(), event.sample_count / event.sample_rate_hz
                    clock.hear(at_s, length_s)
                    self._heard(at_s, length_s)
                case Flushed(flush_id=flush_id):
                    if int(flush_id) == self._parts_given:  # No more text is on its way.
                        clock.settle()
                case Completed():
                    clock.settle()
                case _:
                    pass

    async def _listen(self, reading: asyncio.Task[None]) -> TurnEnd:
        clock = self._record.clock
        while True:
            now_s = self._now_s()
            if reading.done():
                reading.result()
                if now_s >= clock.runs_out_s:
                    return "heard"
            if clock.start_s is not None:
                played_s = clock.played_s(now_s)
                if self._turn.barge_in_s is not None and played_s >= self._turn.barge_in_s:
                    return "barged_in"
                if now_s - self._reported_s >= REPORT_INTERVAL_S:
                    self._reported_s = now_s
                    await self._context.report_playback(played_s)
            if clock.silence_s(now_s) > self._patience_s:
                return "gave_up"
            await asyncio.sleep(TICK_S)

    async def _cancel(self, end: TurnEnd) -> None:
        asked_s = self._now_s()
        # The ear is shut from here on; the silence while the report travels is nobody's fault.
        self._record.leave(asked_s, end)
        report = await self._context.cancel(played_s=self._record.clock.played_s(asked_s))
        if end == "barged_in" and isinstance(self._context.terminal, CancelReport):
            assert report.played_reported
            self._record.cancel_ack_s = self._now_s() - asked_s

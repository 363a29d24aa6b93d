"""Calls of people who mean well, though some change their minds."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

from barkstream_client import (
    Audio,
    CancelReport,
    Completed,
    SpeechContext,
    SpeechSession,
)
from bench.soak.line import Line, UnexpectedError
from bench.soak.plan import CallPlan
from bench.soak.scripts import Script

# A barge-in comes so long after the text was given, at most; half of them in the first tenth.
MAX_BARGE_IN_S = 1.5
MAX_GAP_S = 0.15
MAX_CONTEXTS = 4
BARGE_IN_SHARE = 0.4


async def unary(plan: CallPlan, line: Line) -> str:
    """Synthesize."""
    script = line.script_of(int(plan.draws().integers(1 << 30)), session=False)
    speech = await line.client(plan).synthesize(script.text, **script.options)
    line.alone.check_stream(script, speech.audio, whole=True)
    return "heard"


async def stream(plan: CallPlan, line: Line) -> str:
    """StreamSynthesize, or Converse with the text in pieces."""
    rng = plan.draws()
    script = line.script_of(int(rng.integers(1 << 30)), session=False)
    events = line.client(plan).stream(script.text, **script.options)
    heard = b"".join([audio.data async for audio in events.audio()])
    if events.completed is None:
        raise UnexpectedError("the stream ended without its completed event")
    line.alone.check_stream(script, heard, whole=True)
    return "heard"


async def stream_cancelled(plan: CallPlan, line: Line) -> str:
    """The reader leaves after a random number of events, or its task is cancelled."""
    rng = plan.draws()
    script = line.script_of(int(rng.integers(1 << 30)), session=False)
    heard: list[bytes] = []
    events_left = int(rng.integers(0, 12))

    async def read() -> None:
        left = events_left
        async with line.client(plan).stream(script.text, **script.options) as events:
            async for event in events:
                if isinstance(event, Audio):
                    heard.append(event.data)
                left -= 1
                if left < 0:
                    return

    await cancelled_after(read(), moment_s(rng.random()))
    line.alone.check_stream(script, b"".join(heard), whole=False)
    return "cancelled"


async def unary_cancelled(plan: CallPlan, line: Line) -> str:
    """The task that awaits the answer is cancelled."""
    rng = plan.draws()
    script = line.script_of(int(rng.integers(1 << 30)), session=False)

    async def call() -> None:
        speech = await line.client(plan).synthesize(script.text, **script.options)
        line.alone.check_stream(script, speech.audio, whole=True)

    await cancelled_after(call(), moment_s(rng.random()))
    return "cancelled"


async def session(plan: CallPlan, line: Line) -> str:
    """Several contexts at once; deltas, flushes, playback reports, barge-ins."""
    async with line.client(plan).session() as opened:
        count = int(plan.draws().integers(1, MAX_CONTEXTS + 1))
        ends = await asyncio.gather(
            *(_context(plan, line, opened, index) for index in range(count)),
            return_exceptions=True,
        )
    _raise_worst(ends)
    return "heard"


async def session_left(plan: CallPlan, line: Line) -> str:
    """The block is left while contexts are spoken."""
    rng = plan.draws()
    async with line.client(plan).session() as opened:
        for _ in range(int(rng.integers(1, MAX_CONTEXTS + 1))):
            script = line.script_of(int(rng.integers(1 << 30)), session=True)
            context = opened.context(**script.options)
            await context.append(script.text)
            if rng.random() < 0.5:
                await context.finish()
        await asyncio.sleep(moment_s(rng.random()))
    return "left"


async def _context(plan: CallPlan, line: Line, opened: SpeechSession, index: int) -> None:
    rng = plan.draws(1 + index)
    script = line.script_of(int(rng.integers(1 << 30)), session=True)
    context = opened.context(**script.options)
    heard: list[bytes] = []
    barged_in = rng.random() < BARGE_IN_SHARE
    reader = asyncio.create_task(_read(context, heard))
    writer = asyncio.create_task(_write(context, script, rng.random(64).tolist()))
    try:
        if barged_in:
            await asyncio.sleep(moment_s(rng.random()))
            played_s = float(rng.random()) if rng.random() < 0.5 else None
            await context.cancel(played_s=played_s, timeout_s=60.0)
        await reader
    finally:
        reader.cancel()
        writer.cancel()
        await asyncio.gather(reader, writer, return_exceptions=True)
    if not isinstance(context.terminal, Completed | CancelReport):
        raise UnexpectedError(f"context {index} ended with {context.terminal!r}")
    # What waits for its reader in the moment of a barge-in is thrown away, even at the very end.
    line.alone.check_session(script, b"".join(heard), whole=not barged_in)


async def _read(context: SpeechContext, heard: list[bytes]) -> None:
    async for event in context:
        if isinstance(event, Audio):
            heard.append(event.data)
            if len(heard) % 3 == 0:
                await context.report_playback(0.05 * len(heard))


async def _write(context: SpeechContext, script: Script, draws: list[float]) -> None:
    """Give the text in random pieces."""
    draw = iter(draws * (1 + len(script.text)))
    for part in script.parts:
        rest = part
        while rest:
            size = 1 + int(next(draw) * 12)
            await context.append(rest[:size])
            rest = rest[size:]
            if next(draw) < 0.2:
                await asyncio.sleep(next(draw) * MAX_GAP_S)
        if not script.for_streams:
            await context.flush()
    await context.finish()


def moment_s(draw: float) -> float:
    """A random moment, as often right at the start as later on."""
    return float(MAX_BARGE_IN_S * draw**3)


async def cancelled_after(work: Coroutine[Any, Any, None], after_s: float) -> None:
    """Run a coroutine and cancel it; what it raises before that is raised."""
    task = asyncio.create_task(work)
    try:
        await asyncio.wait({task}, timeout=after_s)
    finally:
        task.cancel()
        await asyncio.wait({task})
    if not task.cancelled():
        task.result()


def _raise_worst(ends: Sequence[BaseException | None]) -> None:
    """One error for all contexts: our own findings first."""
    errors = [end for end in ends if isinstance(end, BaseException)]
    for error in sorted(errors, key=lambda error: type(error).__module__.startswith("barkstream")):
        raise error

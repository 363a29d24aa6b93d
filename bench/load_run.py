"""One run: all callers of a plan against one server, bounded in callers and in time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from barkstream_client import ServerInfo, SpeechClient
from bench.arrivals import CallerPlan
from bench.call_records import RunRecord
from bench.callers import OWN_CONNECTION, Caller, Line
from bench.load_server import ServerSettings, running_server

# Callers on the line at once; beyond them the generator would measure itself.
MAX_OPEN_CALLS = 200
LAG_INTERVAL_S = 0.02
WARM_UP_TEXT = "Good morning."
WARM_UP_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class RunSettings:
    """Bounds of a run.

    Attributes:
        duration_s: Callers arrive, and begin turns, for so long.
        drain_s: What they have begun by then may go on for so long.
        patience_s: See ``Behaviour``.
    """

    duration_s: float
    drain_s: float
    patience_s: float


async def run_load(
    plans: Sequence[CallerPlan], server: ServerSettings, settings: RunSettings
) -> tuple[RunRecord, ServerInfo]:
    """Start the server, let everybody call, stop it."""
    async with running_server(server) as target:
        async with SpeechClient.connect(target, channel_options=OWN_CONNECTION) as client:
            await client.wait_ready(WARM_UP_TIMEOUT_S)
            info = await client.server_info(timeout_s=WARM_UP_TIMEOUT_S)
            await client.synthesize(WARM_UP_TEXT, seed=1, timeout_s=WARM_UP_TIMEOUT_S)
        return await _calls(plans, target, settings), info


async def _calls(plans: Sequence[CallerPlan], target: str, settings: RunSettings) -> RunRecord:
    run = RunRecord(settings.duration_s)
    begin_s = time.monotonic()

    def now_s() -> float:
        return time.monotonic() - begin_s

    line = Line(target, settings.patience_s, settings.duration_s, now_s)
    open_calls: set[asyncio.Task[None]] = set()
    watching = asyncio.create_task(_watch_lag(run))
    try:
        for plan in plans:
            await asyncio.sleep(max(plan.arrival_s - now_s(), 0))
            open_calls = {call for call in open_calls if not _ended(call)}
            if len(open_calls) >= MAX_OPEN_CALLS:
                run.not_dialled += 1
                continue
            caller = Caller(plan, line)
            run.callers.append(caller.record)
            open_calls.add(asyncio.create_task(caller.call()))
        left_s = settings.duration_s + settings.drain_s - now_s()
        if open_calls:
            await asyncio.wait(open_calls, timeout=max(left_s, 0))
    finally:
        watching.cancel()
        for call in open_calls:
            call.cancel()
        await asyncio.gather(*open_calls, watching, return_exceptions=True)
    for call in open_calls:
        _ended(call)
    return run


def _ended(call: asyncio.Task[None]) -> bool:
    """Whether a call is over. A mistake of the generator's own ends the run."""
    if call.done() and not call.cancelled():
        call.result()
    return call.done()


async def _watch_lag(run: RunRecord) -> None:
    """Sample how late this loop wakes up."""
    while True:
        due_s = time.monotonic() + LAG_INTERVAL_S
        await asyncio.sleep(LAG_INTERVAL_S)
        run.lags_s.append(time.monotonic() - due_s)

"""One soak from the server's start to its end."""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from barkstream_client import SpeechClient
from bench.callers import OWN_CONNECTION
from bench.load_report import model_note
from bench.soak.findings import Findings
from bench.soak.line import Line
from bench.soak.plan import Kind, plan_call
from bench.soak.quiet import Quiet, wait_quiet
from bench.soak.report import Soak, memory_problems
from bench.soak.scripts import long_pool, pool, speak_alone
from bench.soak.storm import Storm
from bench.soak.watched import WatchedServer, watched_server

CONNECTIONS = 3
# What is made once only has been made after so many calls of each kind.
WARM_UP_EACH = 3
SETTLE_S = 3.0


@dataclass(frozen=True, slots=True)
class SoakSettings:
    """A soak.

    Attributes:
        calls: So many, warm-up left out.
        laps: In so many parts, a quiet moment after each; in the last one engines are killed.
        at_once: Calls at the same time.
        kills: Engines killed.
        seed: Of everything.
        checkpoint: As of ``barkstream serve``.
        backend: As of ``barkstream serve``.
        slots: As of ``barkstream serve``.
        most_growth: Of resident memory after the first lap; 0.05 is five per cent.
        only: Make this call only, alone.
    """

    calls: int
    laps: int
    at_once: int
    kills: int
    seed: int
    checkpoint: str
    backend: str
    slots: int
    most_growth: float
    only: int | None = None


async def soak(settings: SoakSettings, directory: Path) -> Soak:
    """Start a server, storm it, stop it, judge.

    Args:
        settings: What to do.
        directory: Empty; for the server's log and its temporary files.

    Raises:
        RuntimeError: The server did not start.
    """
    findings = Findings()
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: findings.add(f"the caller's event loop: {context}")
    )
    async with watched_server(
        checkpoint=settings.checkpoint,
        backend=settings.backend,
        slots=settings.slots,
        directory=directory,
    ) as server:
        result = await _storm(settings, server, findings)
        for problem in await server.stop():
            findings.add(problem)
    findings.read_log(directory / "server.log")
    result.problems = findings.problems
    return result


async def _storm(settings: SoakSettings, server: WatchedServer, findings: Findings) -> Soak:
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                SpeechClient.connect(server.address, channel_options=OWN_CONNECTION)
            )
            for _ in range(CONNECTIONS)
        ]
        info = await clients[0].server_info()
        short, long = pool(settings.seed), long_pool(settings.seed)
        alone = await speak_alone(clients[0], short + long)
        line = Line(server.address, tuple(clients), short, long, alone)
        storm = Storm(line, server, settings.seed, settings.at_once, findings, time.monotonic())
        quiet: list[Quiet] = []
        if settings.only is not None:
            await storm.one(plan_call(settings.seed, settings.only))
        else:
            quiet = await _laps(settings, storm)
            later = await speak_alone(clients[0], short + long)
            for problem in alone.differences(later) + memory_problems(quiet, settings.most_growth):
                findings.add(problem)
        return Soak(
            model=model_note(settings.checkpoint, info.model),
            calls=storm.done,
            wall_s=time.monotonic() - storm.begin_s,
            engine_kills=storm.engine_kills,
            compared=len(alone.streams) + len(alone.sessions),
            quiet=quiet,
            samples=storm.samples,
            ends=dict(findings.ends),
            problems=findings.problems,
        )


async def _laps(settings: SoakSettings, storm: Storm) -> list[Quiet]:
    """Warm up, then lap after lap; -> the quiet moments, the first one before all laps."""
    await storm.lap(WARM_UP_EACH * len(Kind))
    await asyncio.sleep(SETTLE_S)
    quiet = [await _quiet(settings, storm, None, "the warm-up")]
    for number in range(1, settings.laps + 1):
        kills = settings.kills if number == settings.laps else 0
        await storm.lap(settings.calls // settings.laps, kills=kills)
        quiet.append(await _quiet(settings, storm, quiet[0], f"lap {number}"))
        print(
            f"lap {number}: {storm.done} calls after {quiet[-1].at_s:.0f} s, "
            f"{len(storm.findings.problems)} problems",
            file=sys.stderr,
        )
    return quiet


async def _quiet(settings: SoakSettings, storm: Storm, baseline: Quiet | None, after: str) -> Quiet:
    moment, problems = await wait_quiet(storm, settings.slots, baseline)
    for problem in problems:
        storm.findings.add(f"after {after}, call {storm.done}: {problem}")
    return moment

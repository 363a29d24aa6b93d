"""The run: laps of calls, a quiet moment after each, and a last lap in which engines die."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import MappingProxyType

from barkstream_client import (
    ClosedError,
    ServerFullError,
    SpeechError,
    UnavailableError,
)
from bench.soak import calls, rude_calls
from bench.soak.findings import Findings
from bench.soak.line import Line, MakeCall, UnexpectedError
from bench.soak.plan import CallPlan, Kind, plan_call
from bench.soak.processes import process_state
from bench.soak.scripts import AudioMismatchError
from bench.soak.watched import WatchedServer

CALL_TIMEOUT_S = 150.0
SAMPLE_INTERVAL_S = 1.0
ENGINE_TIMEOUT_S = 120.0

CALLS: Mapping[Kind, MakeCall] = MappingProxyType(
    {
        Kind.UNARY: calls.unary,
        Kind.STREAM: calls.stream,
        Kind.STREAM_CANCELLED: calls.stream_cancelled,
        Kind.UNARY_CANCELLED: calls.unary_cancelled,
        Kind.SESSION: calls.session,
        Kind.SESSION_LEFT: calls.session_left,
        Kind.CHANNEL_CLOSED: rude_calls.channel_closed,
        Kind.PAST_DEADLINE: rude_calls.past_deadline,
        Kind.BAD_INPUT: rude_calls.bad_input,
        Kind.SLOW_READER: rude_calls.slow_reader,
        Kind.FROZEN_READER: rude_calls.frozen_reader,
        Kind.CLIENT_KILLED: rude_calls.client_killed,
        Kind.BYSTANDER: rude_calls.bystander,
    }
)


@dataclass(frozen=True, slots=True)
class Sample:
    """Memory in the middle of the storm. ``engine_rss_mib`` None: there was no engine."""

    at_s: float
    calls: int
    server_rss_mib: float
    engine_rss_mib: float | None


@dataclass(slots=True)
class Storm:
    """All calls of a soak.

    Attributes:
        line: What calls share.
        server: Whose engine is killed and whose memory is watched.
        seed: Of everything.
        at_once: Calls at the same time.
        findings: What went wrong goes there.
        begin_s: ``time.monotonic()`` moment that samples count from.
        done: Calls that have ended.
        samples: Memory over time.
        engine_kills: So many.
    """

    line: Line
    server: WatchedServer
    seed: int
    at_once: int
    findings: Findings
    begin_s: float
    done: int = 0
    samples: list[Sample] = field(default_factory=list)
    engine_kills: int = 0
    _next: int = 0

    async def lap(self, count: int, *, kills: int = 0) -> None:
        """Make the next calls; meanwhile kill the engine so many times."""
        last = self._next + count
        watching = asyncio.create_task(self._watch())
        killing = asyncio.create_task(self._kill(self.done, count, kills))
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self.at_once):
                    group.create_task(self._call_until(last, engine_dies=kills > 0))
            await killing
        finally:
            watching.cancel()
            killing.cancel()
            await asyncio.gather(watching, killing, return_exceptions=True)

    async def _call_until(self, last: int, *, engine_dies: bool) -> None:
        while self._next < last:
            plan = plan_call(self.seed, self._next)
            self._next += 1
            await self.one(plan, engine_dies=engine_dies)
            self.done += 1

    async def one(self, plan: CallPlan, *, engine_dies: bool = False) -> None:
        """Make one call and judge how it ended."""
        limit = asyncio.timeout(CALL_TIMEOUT_S)
        try:
            async with limit:
                end = await CALLS[plan.kind](plan, self.line)
        except ServerFullError:
            end = "refused"
        except UnavailableError as error:
            if not (engine_dies and error.reason):
                self.findings.add_call(plan, repr(error))
                return
            end = f"unavailable ({error.reason})"
        except TimeoutError as error:
            late = f"not over after {CALL_TIMEOUT_S:g} s"
            self.findings.add_call(plan, late if limit.expired() else repr(error))
            return
        except ClosedError as error:
            self.findings.add_call(plan, f"closed by itself: {error!r}")
            return
        except (SpeechError, AudioMismatchError, UnexpectedError) as error:
            self.findings.add_call(plan, repr(error))
            return
        self.findings.ended(plan, end)

    async def _watch(self) -> None:
        while True:
            engine: float | None = None
            with suppress(ProcessLookupError):
                engine = process_state(self.server.engine_pid).rss_mib
            server = process_state(self.server.pid).rss_mib
            at_s = time.monotonic() - self.begin_s
            self.samples.append(Sample(at_s, self.done, server, engine))
            await asyncio.sleep(SAMPLE_INTERVAL_S)

    async def _kill(self, done_before: int, count: int, kills: int) -> None:
        """Kill the engine whenever the next part of the lap is over and an engine serves."""
        client = self.line.clients[0]
        for number in range(kills):
            due = done_before + count * (2 * number + 1) // (2 * kills)
            while self.done < due:  # noqa: ASYNC110 - as often as a call ends, or less
                await asyncio.sleep(0.05)
            old = self.server.engine_pid
            os.kill(old, signal.SIGKILL)
            self.engine_kills += 1
            async with asyncio.timeout(ENGINE_TIMEOUT_S):
                # Right after the kill health still says SERVING: nobody has noticed yet.
                while not self._has_other_engine(old):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            await client.wait_ready(ENGINE_TIMEOUT_S)

    def _has_other_engine(self, old_pid: int) -> bool:
        try:
            return self.server.engine_pid != old_pid
        except ProcessLookupError:
            return False

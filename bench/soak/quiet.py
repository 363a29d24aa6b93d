"""What must be so when nobody calls: every slot free, nothing held, nothing grown."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from barkstream_client import ServerLoad, SpeechClient
from bench.soak.processes import process_state
from bench.soak.storm import Storm
from bench.soak.watched import Look

QUIET_TIMEOUT_S = 45.0
POLL_S = 0.25
# gRPC's own pool of threads grows and shrinks as it pleases.
GRPC_THREADS = 6
# grpc keeps the traceback of its latest abort, and with it that call, until the next one.
KEPT_BY_GRPC = 2
# The server's executor starts its (at most four) threads when they are needed.
POOL_PREFIX = "barkstream_"


@dataclass(frozen=True, slots=True)
class Quiet:
    """A moment between two laps.

    Attributes:
        calls: Made so far.
        at_s: Of the run.
        look: Into server and engine.
        client_rss_mib: Memory of the process that calls.
        client_files: Its open descriptors.
        client_tasks: Its tasks by name.
    """

    calls: int
    at_s: float
    look: Look
    client_rss_mib: float
    client_files: int
    client_tasks: dict[str, int]


async def wait_quiet(storm: Storm, slots: int, baseline: Quiet | None) -> tuple[Quiet, list[str]]:
    """Wait until all is as at the baseline; -> how it is, and what is still wrong in the end."""
    client = storm.line.clients[0]
    until_s = time.monotonic() + QUIET_TIMEOUT_S
    while True:
        load = await _load(client)
        problems = _busy(load, slots)
        now = await _now(storm)
        if baseline is not None:
            problems += held_too_much(now, baseline)
        if not problems or time.monotonic() > until_s:
            return now, problems
        await asyncio.sleep(POLL_S)


async def _load(client: SpeechClient) -> ServerLoad:
    watch = client.watch_load()
    try:
        return await anext(watch)
    finally:
        await watch.aclose()


async def _now(storm: Storm) -> Quiet:
    await asyncio.sleep(POLL_S)  # The end of the last call reaches the server.
    look = await storm.server.look()
    gc.collect()
    own = process_state(os.getpid())
    tasks = Counter(task.get_name().split("-")[0] for task in asyncio.all_tasks())
    at_s = time.monotonic() - storm.begin_s
    return Quiet(storm.done, at_s, look, own.rss_mib, len(own.files), dict(tasks))


def _busy(load: ServerLoad, slots: int) -> list[str]:
    wanted = {"serving": True, "sessions": 0, "running": 0, "waiting": 0, "slots": slots}
    return [
        f"WatchLoad says {name} = {getattr(load, name)}, not {value}"
        for name, value in wanted.items()
        if getattr(load, name) != value
    ]


def held_too_much(now: Quiet, baseline: Quiet) -> list[str]:
    """What there is more of than at the baseline."""
    problems: list[str] = []
    for place, old, new in (
        ("server", baseline.look.server, now.look.server),
        ("engine", baseline.look.engine, now.look.engine),
    ):
        problems += _more(f"{place} file", Counter(old.files), Counter(new.files), 0)
        if new.threads > old.threads + GRPC_THREADS:
            problems.append(f"{place}: {new.threads} threads, at first {old.threads}")
    for kind, spare in (("tasks", 0), ("threads", 0), ("objects", KEPT_BY_GRPC)):
        before, held = baseline.look.held[kind], now.look.held[kind]
        held = {name: count for name, count in held.items() if not name.startswith(POOL_PREFIX)}
        problems += _more(f"server {kind}", before, held, spare)
    problems += _more("client tasks", baseline.client_tasks, now.client_tasks, 0)
    if now.client_files > baseline.client_files:
        problems.append(f"client: {now.client_files} files, at first {baseline.client_files}")
    return problems


def _more(what: str, before: Mapping[str, int], now: Mapping[str, int], spare: int) -> list[str]:
    return [
        f"{what} {name}: {count}, at first {before.get(name, 0)}"
        for name, count in now.items()
        if count > before.get(name, 0) + spare
    ]


def growth(first: float, last: float) -> float:
    """By which share it grew; 0.01 is one per cent."""
    return last / first - 1

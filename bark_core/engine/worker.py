"""What runs in the spawned process."""

from __future__ import annotations

import logging
import math
import multiprocessing
import os
import selectors
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Self

from bark_core.backends.base import Backend
from bark_core.backends.registry import BackendSpec, create_backend
from bark_core.config import BarkConfig
from bark_core.engine.alarm import Alarm
from bark_core.engine.commands import Command
from bark_core.engine.interface import EngineInfo, EngineLimits
from bark_core.engine.log_relay import relay_logs
from bark_core.engine.loop import EngineLoop
from bark_core.engine.pulse import PulseMemory, PulseWriter
from bark_core.engine.session import run_loop
from bark_core.engine.warmup import warm_up
from bark_core.errors import BarkstreamError, SetupError

ORPHANED = 3
"""Exit code of a worker whose parent is gone."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StartFailed:
    """Sent instead of EngineInfo."""

    error: BarkstreamError


@dataclass(frozen=True, slots=True)
class WorkerLink:
    """The child's ends.

    Attributes:
        commands: Read end; its end of file means stop.
        reports: Write end: one EngineInfo or StartFailed, then TickReports; log records between.
        pulse: Signs of life.
        log_level: Least severity of the records that are sent.
    """

    commands: Connection[object, Command]
    reports: Connection[object, object]
    pulse: PulseMemory
    log_level: int


def run_worker(
    spec_or_factory: BackendSpec | Callable[[], Backend],
    config: BarkConfig,
    limits: EngineLimits,
    link: WorkerLink,
) -> None:
    """Load, serve until the parent closes its end, free."""
    # Signals to the process group are the parent's to answer: it drains, then closes the pipe.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, name="barkstream-orphan-watch", daemon=True).start()
    send = _Sender(link.reports).send
    relay_logs(send, link.log_level)
    try:
        made = spec_or_factory
        backend = create_backend(made) if isinstance(made, BackendSpec) else made()
        costs = warm_up(backend, config)
    except BarkstreamError as error:
        send(StartFailed(error))
        return
    except Exception as error:  # noqa: BLE001 - the parent tells it to whoever starts it
        _log.exception("the model could not be loaded")
        send(
            StartFailed(
                SetupError(f"the model could not be loaded: {type(error).__name__}: {error}")
            )
        )
        return
    try:
        send(EngineInfo(backend.info, backend.limits))
        with (
            _PipeInbox(link.commands, PulseWriter(link.pulse)) as inbox,
            EngineLoop(backend, config, limits, time.monotonic, costs, wake=inbox.wake) as loop,
        ):
            run_loop(loop, inbox, send)
    except BrokenPipeError:
        _log.info("nobody reads any more")
    finally:
        backend.close()


class _Sender:
    """The pipe to the parent, for any thread: a library's thread may log at any time."""

    def __init__(self, reports: Connection[object, object]) -> None:
        self._reports = reports
        self._lock = threading.Lock()

    def send(self, message: object) -> None:
        with self._lock:
            self._reports.send(message)


class _PipeInbox:
    """Commands from the parent."""

    def __init__(self, commands: Connection[object, Command], pulse: PulseWriter) -> None:
        self._commands = commands
        self._pulse = pulse
        self._alarm = Alarm()
        # Made once: every turn of the loop asks it.
        self._selector = selectors.DefaultSelector()
        self._selector.register(commands, selectors.EVENT_READ)
        self._selector.register(self._alarm, selectors.EVENT_READ)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._selector.close()
        self._alarm.close()

    def wake(self) -> None:
        self._alarm.ring()

    def take(self, wait_s: float, busy_since_s: float = math.inf) -> list[Command] | None:
        if wait_s > 0:
            self._pulse.rest(wait_s, busy_since_s)
        ready = self._selector.select(None if math.isinf(wait_s) else wait_s)
        self._alarm.clear()
        taken: list[Command] = []
        try:
            if any(key.fileobj is self._commands for key, _ in ready):
                taken.append(self._commands.recv())
                while self._commands.poll():
                    taken.append(self._commands.recv())
        except EOFError:
            return None
        self._pulse.work(len(taken), busy_since_s)
        return taken


def _die_with_parent() -> None:
    """The loop sees the parent's end only between batches; a hung batch would outlive it."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(ORPHANED)

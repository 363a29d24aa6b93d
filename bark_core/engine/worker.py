"""What runs in the spawned process."""

from __future__ import annotations

import logging
import math
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection

from bark_core.backends.base import Backend
from bark_core.backends.registry import BackendSpec, create_backend
from bark_core.config import BarkConfig
from bark_core.engine.commands import Command, TickReport
from bark_core.engine.interface import EngineInfo, EngineLimits
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
        reports: Write end: one EngineInfo or StartFailed, then TickReports.
        pulse: Signs of life.
    """

    commands: Connection[object, Command]
    reports: Connection[object, object]
    pulse: PulseMemory


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
    try:
        made = spec_or_factory
        backend = create_backend(made) if isinstance(made, BackendSpec) else made()
        warm_up(backend, config)
    except BarkstreamError as error:
        link.reports.send(StartFailed(error))
        return
    except Exception as error:  # noqa: BLE001 - the parent tells it to whoever starts it
        _log.exception("the model could not be loaded")
        link.reports.send(
            StartFailed(
                SetupError(f"the model could not be loaded: {type(error).__name__}: {error}")
            )
        )
        return
    try:
        link.reports.send(EngineInfo(backend.info, backend.limits))
        loop = EngineLoop(backend, config, limits, time.monotonic)
        inbox = _PipeInbox(link.commands, PulseWriter(link.pulse))

        def deliver(report: TickReport) -> None:
            link.reports.send(report)

        run_loop(loop, inbox, deliver)
    except BrokenPipeError:
        _log.info("nobody reads any more")
    finally:
        backend.close()


class _PipeInbox:
    """Commands from the parent."""

    def __init__(self, commands: Connection[object, Command], pulse: PulseWriter) -> None:
        self._commands = commands
        self._pulse = pulse

    def take(self, wait_s: float) -> list[Command] | None:
        taken: list[Command] = []
        try:
            if wait_s > 0:
                self._pulse.rest(wait_s)
                self._commands.poll(None if math.isinf(wait_s) else wait_s)
            while self._commands.poll():
                taken.append(self._commands.recv())
        except EOFError:
            return None
        self._pulse.work(len(taken))
        return taken


def _die_with_parent() -> None:
    """The loop sees the parent's end only between batches; a hung batch would outlive it."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(ORPHANED)

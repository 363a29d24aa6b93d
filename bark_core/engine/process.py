"""The engine in a process of its own: a crash, a hang or an out-of-memory stays in there."""

from __future__ import annotations

import contextlib
import logging
import math
import multiprocessing
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import wait

from bark_core.backends.base import Backend
from bark_core.backends.registry import BackendSpec
from bark_core.config import BarkConfig
from bark_core.engine.alarm import Alarm
from bark_core.engine.commands import Command, TickReport
from bark_core.engine.interface import EngineInfo, EngineLimits
from bark_core.engine.log_relay import log_again, relayed_level
from bark_core.engine.mailbox import Mailbox
from bark_core.engine.pulse import PulseReader, pulse_memory
from bark_core.engine.session import SessionDiedError
from bark_core.engine.supervisor import SupervisedEngine
from bark_core.engine.worker import StartFailed, WorkerLink, run_worker
from bark_core.errors import SetupError

STOP_TIMEOUT_S = 2.0
"""How long a process may take to end by itself before it is killed."""

EXIT_CODE_TIMEOUT_S = 0.25
"""How long the exit code of a process that closed its pipe is waited for."""


class ProcessEngine(SupervisedEngine):
    """An ``Engine`` whose model runs in a spawned process.

    The parent never imports what the model needs. The child is killed when a batch takes longer
    than ``step_timeout_s``, and ends by itself when the parent is gone.

    Args:
        spec_or_factory: What to run, or a picklable function that makes the back end there.
        config: Of the checkpoint.
        limits: Bounds.
    """

    def __init__(
        self,
        spec_or_factory: BackendSpec | Callable[[], Backend],
        config: BarkConfig,
        limits: EngineLimits | None = None,
    ) -> None:
        bounds = limits or EngineLimits()

        def make_session() -> _ProcessSession:
            return _ProcessSession(spec_or_factory, config, bounds)

        super().__init__(config, bounds, make_session)


class _ProcessSession:
    """A child, a thread that writes to it, and the supervisor's thread, which reads from it."""

    def __init__(
        self,
        spec_or_factory: BackendSpec | Callable[[], Backend],
        config: BarkConfig,
        limits: EngineLimits,
    ) -> None:
        self._limits = limits
        context = multiprocessing.get_context("spawn")  # never fork beside threads and gRPC
        memory = pulse_memory(context)
        child_commands, self._commands = context.Pipe(duplex=False)
        self._reports, child_reports = context.Pipe(duplex=False)
        self._link = WorkerLink(child_commands, child_reports, memory, relayed_level())
        self._process = context.Process(
            target=run_worker,
            args=(spec_or_factory, config, limits, self._link),
            name="barkstream-engine",
            daemon=True,
        )
        self._pulse = PulseReader(memory)
        self._alarm = Alarm()
        self._outbox = Mailbox()
        self._writer = threading.Thread(
            target=self._write, name="barkstream-engine-writer", daemon=True
        )
        self._stopping = False
        self._ready = False

    def open(self) -> EngineInfo:
        """Spawn, and wait until the model is warm."""
        self._process.start()
        # The child has its own handles: only then is its end an end of file for us.
        self._link.commands.close()
        self._link.reports.close()
        self._writer.start()
        deadline = time.monotonic() + self._limits.start_timeout_s
        while True:
            wait([self._reports, self._alarm.fileno()], timeout=max(0, deadline - time.monotonic()))
            if self._stopping:
                raise SessionDiedError("closed while it was starting")
            if not self._reports.poll():
                raise SetupError(
                    f"the model was not ready after {self._limits.start_timeout_s:.0f} s; raise "
                    "start_timeout_s, or choose a smaller model"
                )
            match self._receive():
                case logging.LogRecord() as record:
                    log_again(record)
                case StartFailed(error):
                    raise error
                case message:
                    assert isinstance(message, EngineInfo)
                    self._ready = True
                    return message

    def serve(self, deliver: Callable[[TickReport], None]) -> None:
        """Read reports until told to stop; watch that the child goes on."""
        timeout_s = self._limits.step_timeout_s
        while not self._stopping:
            # With nothing under way the child owes no sign of life: block until something comes.
            watch_s = timeout_s / 4 if self._pulse.is_owed() else None
            happened = wait([self._reports, self._alarm.fileno()], timeout=watch_s)
            self._alarm.clear()
            if self._reports in happened:
                match self._receive():
                    case logging.LogRecord() as record:
                        log_again(record)
                    case message:
                        assert isinstance(message, TickReport)
                        deliver(message)
            overdue_s = self._pulse.overdue_s(time.monotonic())
            if overdue_s > timeout_s:
                raise SessionDiedError(f"no sign of life for {overdue_s:.1f} s")

    def send(self, command: Command) -> None:
        """Queue a command; the writer sends it."""
        self._outbox.put(command)

    def stop(self) -> None:
        """End ``serve`` or ``open``."""
        self._stopping = True
        self._alarm.ring()

    def dispose(self) -> None:
        """End the child, by force if need be, and free every handle."""
        self._reports.close()  # a child that is writing notices this
        self._outbox.stop()  # one that is reading notices the end of the commands
        if self._process.pid is not None:
            if self._stopping and self._ready:
                self._process.join(STOP_TIMEOUT_S)
            self._process.kill()
            self._process.join()
            self._process.close()
        if self._writer.ident is not None:
            self._writer.join()
        else:
            self._commands.close()
        self._alarm.close()

    def _receive(self) -> object:
        try:
            return self._reports.recv()
        except (EOFError, OSError) as error:
            self._process.join(EXIT_CODE_TIMEOUT_S)
            raise SessionDiedError(
                f"the engine process ended with exit code {self._process.exitcode}"
            ) from error

    def _write(self) -> None:
        """The writer thread: a pipe may be full, and callers must not wait for it."""
        with self._commands, contextlib.suppress(BrokenPipeError):  # the reader sees the end too
            while (commands := self._outbox.take(math.inf)) is not None:
                for command in commands:
                    if self._pulse.sent(time.monotonic()):
                        self._alarm.ring()
                    self._commands.send(command)

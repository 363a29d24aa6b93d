"""The engine in a thread of this process: for embedding, the command line and tests."""

from __future__ import annotations

import time
from collections.abc import Callable

from bark_core.backends.base import Backend
from bark_core.backends.registry import BackendSpec, create_backend
from bark_core.config import BarkConfig
from bark_core.engine.commands import Command, TickReport
from bark_core.engine.costs import MeasuredCosts
from bark_core.engine.interface import EngineInfo, EngineLimits
from bark_core.engine.loop import EngineLoop
from bark_core.engine.mailbox import Mailbox
from bark_core.engine.session import run_loop
from bark_core.engine.supervisor import SupervisedEngine
from bark_core.engine.warmup import warm_up


class ThreadEngine(SupervisedEngine):
    """An ``Engine`` whose model runs in a thread of the calling process.

    A hang cannot be mended here: use the process engine where that matters.

    Args:
        spec_or_factory: What to run, or a function that makes the back end.
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

        def make_session() -> _ThreadSession:
            return _ThreadSession(spec_or_factory, config, bounds)

        super().__init__(config, bounds, make_session)


class _ThreadSession:
    """Runs on the supervisor's thread."""

    def __init__(
        self,
        spec_or_factory: BackendSpec | Callable[[], Backend],
        config: BarkConfig,
        limits: EngineLimits,
    ) -> None:
        self._spec_or_factory = spec_or_factory
        self._config = config
        self._limits = limits
        self._inbox = Mailbox()
        self._backend: Backend | None = None
        self._costs: MeasuredCosts | None = None

    def open(self) -> EngineInfo:
        made = self._spec_or_factory
        self._backend = create_backend(made) if isinstance(made, BackendSpec) else made()
        self._costs = warm_up(self._backend, self._config)
        return EngineInfo(self._backend.info, self._backend.limits)

    def serve(self, deliver: Callable[[TickReport], None]) -> None:
        assert self._backend is not None
        with EngineLoop(
            self._backend,
            self._config,
            self._limits,
            time.monotonic,
            self._costs,
            wake=self._inbox.wake,
        ) as loop:
            run_loop(loop, self._inbox, deliver)

    def send(self, command: Command) -> None:
        self._inbox.put(command)

    def stop(self) -> None:
        self._inbox.stop()

    def dispose(self) -> None:
        if self._backend is not None:
            self._backend.close()

"""Who may call: one place that knows of open calls, of the engine's state and of draining.

grpc's own ``maximum_concurrent_rpcs`` is not used: it refuses health checks as well, and the
orchestrator then kills a server that is merely full.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from bark_core.engine.interface import EngineState
from bark_core.errors import (
    BarkstreamError,
    CapacityError,
    DrainingError,
    EngineDiedError,
    WarmingUpError,
)
from barkstream_server.tenants import Tenant


class Guest(Protocol):
    """An admitted speech call, as far as shutting down goes. Called on the event loop."""

    def drain(self, grace_s: float) -> None:
        """No new contexts; the call is ended when nothing is spoken any more, or after grace."""
        ...

    def shut(self, error: BarkstreamError) -> None:
        """End the call with this error now."""
        ...


class Admission:
    """Admits speech calls and contexts.

    Args:
        max_sessions: Speech calls at once.
    """

    def __init__(self, max_sessions: int) -> None:
        self._max_sessions = max_sessions
        self._guests: set[Guest] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self._engine = EngineState.STARTING
        self._draining = False

    @property
    def sessions(self) -> int:
        """Speech calls that are open."""
        return len(self._guests)

    @property
    def serving(self) -> bool:
        """Whether new speech is taken, room provided."""
        return self._engine is EngineState.READY and not self._draining

    def set_engine_state(self, state: EngineState) -> None:
        """Note where the engine stands."""
        self._engine = state

    def check(self) -> None:
        """Whether new speech may begin.

        Raises:
            DrainingError: The server is shutting down.
            WarmingUpError: The model is being loaded.
            EngineDiedError: The engine is being restarted.
        """
        if self._draining or self._engine is EngineState.CLOSED:
            raise DrainingError(
                "the server is shutting down; connect to another one or try again",
                retry_after_s=2.0,
            )
        if self._engine is EngineState.STARTING:
            raise WarmingUpError(
                "the model is being loaded; try again when the health service says SERVING",
                retry_after_s=2.0,
            )
        if self._engine is EngineState.DOWN:
            raise EngineDiedError(
                "the engine is being restarted; try again shortly", retry_after_s=1.0
            )

    @contextmanager
    def admit(self, guest: Guest, tenant: Tenant) -> Iterator[None]:
        """Let a speech call in. Whether it can be spoken to is decided text by text, by the engine.

        Raises:
            CapacityError: There are as many as there may be, of all or of the tenant.
            UnavailableError: See `check`.
        """
        self.check()
        if len(self._guests) >= self._max_sessions:
            raise CapacityError(
                f"{self._max_sessions} speech calls are open, as many as may be; try again, or "
                "close idle sessions",
                reason="SESSION_LIMIT",
            )
        tenant.enter()
        self._guests.add(guest)
        self._empty.clear()
        try:
            yield
        finally:
            tenant.leave()
            self._guests.discard(guest)
            if not self._guests:
                self._empty.set()

    def begin_drain(self, grace_s: float) -> None:
        """Admit nobody any more and tell all guests. Safe to call twice."""
        if not self._draining:
            self._draining = True
            for guest in tuple(self._guests):
                guest.drain(grace_s)

    def shut(self) -> None:
        """End all guests now."""
        for guest in tuple(self._guests):
            guest.shut(
                DrainingError(
                    "the server is shutting down; connect to another one", retry_after_s=2.0
                )
            )

    async def wait_empty(self, timeout_s: float) -> bool:
        """Wait until no guest is left; False: some still are."""
        try:
            await asyncio.wait_for(self._empty.wait(), timeout_s)
        except TimeoutError:
            return False
        return True

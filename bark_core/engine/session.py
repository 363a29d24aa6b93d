"""One life of a back end, from loading to its end. The supervisor runs one after another."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

from bark_core.engine.commands import Command, TickReport
from bark_core.engine.interface import EngineInfo
from bark_core.engine.loop import EngineLoop, Turn


class SessionDiedError(Exception):
    """The session ended though nobody asked it to; the message says how."""


class Session(Protocol):
    """Used by the supervisor's thread, except where said otherwise."""

    def open(self) -> EngineInfo:
        """Load and warm up.

        Raises:
            SetupError: It cannot be loaded.
            SessionDiedError: It ended while loading, also when ``stop`` was called.
        """
        ...

    def serve(self, deliver: Callable[[TickReport], None]) -> None:
        """Work until ``stop``.

        Raises:
            SessionDiedError: It ended by itself.
        """
        ...

    def send(self, command: Command) -> None:
        """Hand a command over. From any thread; never blocks."""
        ...

    def stop(self) -> None:
        """Make ``serve`` return soon. From any thread."""
        ...

    def dispose(self) -> None:
        """Free everything; also after a failure."""
        ...


class Inbox(Protocol):
    """Where a loop gets its commands."""

    def take(self, wait_s: float, busy_since_s: float = math.inf) -> list[Command] | None:
        """Commands that have come. None: stop.

        Args:
            wait_s: Waits at most so long for the first, or until ``wake``.
            busy_since_s: When the oldest batch under way began, for whoever watches; inf: none is.
        """
        ...

    def wake(self) -> None:
        """Let ``take`` return. From any thread."""
        ...


def run_loop(loop: EngineLoop, inbox: Inbox, deliver: Callable[[TickReport], None]) -> None:
    """Turn after turn, until the inbox says stop. Blocks while there is nothing to do."""
    deliver(loop.first_report())
    turn = Turn(None, wait_s=0.0)
    while (commands := inbox.take(turn.wait_s, turn.busy_since_s)) is not None:
        for command in commands:
            loop.obey(command)
        turn = loop.turn()
        if turn.report is not None:
            deliver(turn.report)

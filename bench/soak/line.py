"""What all calls of a soak share, and how their ends are told apart."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from barkstream_client import SpeechClient
from bench.soak.plan import CallPlan
from bench.soak.scripts import Alone, Script

# So long a slow reader at most takes for one message; so long a frozen one reads nothing beyond
# the server's patience.
SLOW_READ_S = 0.02
WRITE_STALL_S = 3.0
FROZEN_S = WRITE_STALL_S + 9.0


@dataclass(frozen=True, slots=True)
class Line:
    """What all calls share.

    Attributes:
        target: The server's address.
        clients: Connections of many callers.
        scripts: What is said.
        long_scripts: Said to those who read slowly.
        alone: What it sounds like.
    """

    target: str
    clients: tuple[SpeechClient, ...]
    scripts: tuple[Script, ...]
    long_scripts: tuple[Script, ...]
    alone: Alone

    def client(self, plan: CallPlan) -> SpeechClient:
        """The shared connection of a call."""
        return self.clients[plan.number % len(self.clients)]

    def script_of(self, draw: int, *, session: bool) -> Script:
        """One of the scripts that this kind of call can say."""
        fit = [s for s in self.scripts if (s.for_sessions if session else s.for_streams)]
        return fit[draw % len(fit)]


MakeCall = Callable[[CallPlan, Line], Awaitable[str]]
"""Makes a call and says how it ended; raises what the client library raised."""


class UnexpectedError(Exception):
    """The call did not end as its kind must."""

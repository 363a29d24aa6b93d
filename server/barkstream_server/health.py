"""grpc.health.v1 with the official messages.

The official asyncio servicer is not used: when one of two watchers of a service leaves, the other
is never told anything again, and one that does not read blocks every change of state.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from grpc_health.v1 import health_pb2

from bark_core.errors import CapacityError, DrainingError, NotFoundError
from barkstream_server.call import Call
from barkstream_server.methods import Handler

SERVICE = "grpc.health.v1.Health"
_MAX_WATCHERS = 1024


class HealthService:
    """Tells whether each service serves.

    Args:
        services: Full names; the empty name, for the whole server, is added.
    """

    def __init__(self, services: Iterable[str]) -> None:
        self._services = frozenset({"", *services})
        self._serving = False
        self._closing = False
        self._watchers: set[asyncio.Event] = set()

    def handlers(self) -> Mapping[str, Handler]:
        """Entries of the method table."""
        return {
            f"/{SERVICE}/Check": self._check,
            f"/{SERVICE}/Watch": self._watch,
        }

    @property
    def serving(self) -> bool:
        """What all services answer."""
        return self._serving

    def set_serving(self, *, serving: bool) -> None:
        """Change the answer of all services and tell the watchers."""
        self._serving = serving
        for watcher in self._watchers:
            watcher.set()

    def close(self) -> None:
        """End all watches: the server is going."""
        self._closing = True
        self.set_serving(serving=False)

    def _status(self) -> int:
        response = health_pb2.HealthCheckResponse
        return int(response.SERVING if self._serving else response.NOT_SERVING)

    async def _check(self, call: Call) -> None:
        request = await call.receive_first(health_pb2.HealthCheckRequest)
        if request.service not in self._services:
            raise NotFoundError(
                "no service has that name; leave it empty to ask for the whole server",
                reason="SERVICE_NOT_FOUND",
            )
        await call.send(health_pb2.HealthCheckResponse(status=self._status()))

    async def _watch(self, call: Call) -> None:
        request = await call.receive_first(health_pb2.HealthCheckRequest)
        if len(self._watchers) >= _MAX_WATCHERS:
            raise CapacityError("too many health watchers; use Check", retry_after_s=10.0)
        known = request.service in self._services
        changed = asyncio.Event()
        self._watchers.add(changed)
        sent: int | None = None
        try:
            while True:
                changed.clear()
                unknown = int(health_pb2.HealthCheckResponse.SERVICE_UNKNOWN)
                status = self._status() if known else unknown
                if status != sent:
                    await call.send(health_pb2.HealthCheckResponse(status=status))
                    sent = status
                if self._closing:
                    raise DrainingError("the server is shutting down")
                await changed.wait()
        finally:
            self._watchers.discard(changed)

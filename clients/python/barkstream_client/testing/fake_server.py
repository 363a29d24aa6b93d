"""A server for the tests of plugins and applications."""

from __future__ import annotations

import asyncio
from collections import deque
from types import TracebackType
from typing import Any, Self

import grpc
import grpc.aio
from google.protobuf.message import Message

from barkstream.v1 import server_service_pb2_grpc, speech_service_pb2_grpc, voice_service_pb2_grpc
from barkstream_client.testing.fake_script import AudioGate, FakeFailure, FakeScript
from barkstream_client.testing.fake_services import (
    FakeServerService,
    FakeSpeechService,
    FakeVoiceService,
    MetadataRecorder,
    health_handler,
)
from barkstream_client.testing.fake_session import FakeSession
from barkstream_client.testing.fake_state import FakeState

_POLL_S = 0.005


class FakeSpeechServer:
    """A barkstream server without a model, on a free port of the loopback interface.

    ::

        async with FakeSpeechServer() as server:
            async with SpeechClient.connect(server.target) as client:
                speech = await client.synthesize("Hello.")

    It keeps every promise of the protocol (order, offsets, one terminal event for each context,
    heartbeats, rich errors), but its speech is deterministic: every character is a tone of 20 ms
    (``tones`` makes the same samples), utterances are sentences, the seed defaults to 0, and audio
    comes as fast as the reader takes it. Opus is not offered. A cancel without a playback report
    counts all that was sent as heard.

    Steer it between or during calls: ``server.script`` (delays, health), ``server.gate`` (hold
    audio back message by message), ``server.fail_next`` (errors before or after audio),
    ``server.announce_draining``, ``server.stop`` (gone without a goodbye). Look into
    ``server.received``, ``server.metadata``, ``server.live_calls`` and ``server.live_contexts``;
    ``server.wait_idle`` waits until the last two are 0.

    Attributes:
        target: "127.0.0.1:port" once started.

    Args:
        script: How to behave at first.
        voices: Names; the first one is the default.
        max_contexts: Contexts that may live in one session.
        credentials: For TLS.
    """

    def __init__(
        self,
        *,
        script: FakeScript | None = None,
        voices: tuple[str, ...] = ("fake/en", "fake/de", "fake/zh"),
        max_contexts: int = 8,
        credentials: grpc.ServerCredentials | None = None,
    ) -> None:
        self.target = ""
        self._state = FakeState(voices, max_contexts, script or FakeScript())
        self._sessions: set[FakeSession] = set()
        self._credentials = credentials
        self._server: grpc.aio.Server | None = None

    @property
    def script(self) -> FakeScript:
        """How to behave; assign another one at any time."""
        return self._state.script

    @script.setter
    def script(self, script: FakeScript) -> None:
        self._state.script = script

    @property
    def gate(self) -> AudioGate:
        """Lets audio messages through."""
        return self._state.gate

    @property
    def received(self) -> deque[Message]:
        """Every message of every caller, newest last."""
        return self._state.received

    @property
    def metadata(self) -> dict[str, str | bytes]:
        """What the newest call came with."""
        return self._state.metadata

    @property
    def live_calls(self) -> int:
        """Speech calls being handled."""
        return self._state.live_calls

    @property
    def live_contexts(self) -> int:
        """Contexts of sessions being spoken."""
        return self._state.live_contexts

    def fail_next(self, failure: FakeFailure) -> None:
        """Let the next text fail. Several calls queue up."""
        self._state.failures.append(failure)

    def announce_draining(self, grace_s: float) -> None:
        """Tell all sessions that the server is shutting down."""
        for session in self._sessions:
            session.announce_draining(grace_s)

    async def start(self, port: int = 0) -> None:
        """Listen. Port 0 takes a free one."""
        if self._server is not None:
            raise RuntimeError("the fake server is running already")
        options = [
            ("grpc.so_reuseport", 0),
            # Clients ping sessions as often as they like.
            ("grpc.http2.min_ping_interval_without_data_ms", 10),
            ("grpc.keepalive_permit_without_calls", 1),
        ]
        self._server = grpc.aio.server(
            interceptors=[MetadataRecorder(self._state)], options=options
        )
        services: list[tuple[Any, Any]] = [
            (
                speech_service_pb2_grpc.add_SpeechServiceServicer_to_server,
                FakeSpeechService(self._state, self._sessions),
            ),
            (
                voice_service_pb2_grpc.add_VoiceServiceServicer_to_server,
                FakeVoiceService(self._state),
            ),
            (
                server_service_pb2_grpc.add_ServerServiceServicer_to_server,
                FakeServerService(self._state),
            ),
        ]
        for add, service in services:
            add(service, self._server)
        self._server.add_generic_rpc_handlers((health_handler(self._state),))
        address = f"127.0.0.1:{port}"
        if self._credentials is None:
            bound = self._server.add_insecure_port(address)
        else:
            bound = self._server.add_secure_port(address, self._credentials)
        self.target = f"127.0.0.1:{bound}"
        await self._server.start()

    async def wait_idle(self, timeout_s: float = 10.0) -> None:
        """Wait until no speech call is open: nothing was left behind.

        Raises:
            TimeoutError: One still is.
        """
        async with asyncio.timeout(timeout_s):
            while self.live_calls or self.live_contexts:  # noqa: ASYNC110 - a test helper
                await asyncio.sleep(_POLL_S)

    async def stop(self, grace_s: float | None = None) -> None:
        """Stop; None breaks open calls off at once."""
        server, self._server = self._server, None
        if server is not None:
            await server.stop(grace_s)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

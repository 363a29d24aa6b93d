"""The server put together: its life from loading to draining."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import grpc
from grpc_reflection.v1alpha import reflection

from bark_core.checkpoints import Checkpoint
from bark_core.engine.interface import Engine, EngineInfo, EngineState
from bark_core.errors import ConfigError, UnknownVoiceError
from bark_core.speech import SpeechFrontend
from barkstream_server import health, server_service, voice_service
from barkstream_server.admission import Admission
from barkstream_server.call import Call
from barkstream_server.config import ServerConfig
from barkstream_server.converse import converse
from barkstream_server.listening import bind, grpc_options
from barkstream_server.logs import log_event
from barkstream_server.methods import CallLimits, Handler, MethodTable
from barkstream_server.metrics import Gauges, ServerMetrics
from barkstream_server.one_text import stream_synthesize, synthesize
from barkstream_server.resources import SpeechResources
from barkstream_server.tenants import Tenants
from barkstream_server.tracing import NoTracing, Tracing

logger = logging.getLogger("barkstream.server")

SPEECH_SERVICE = "barkstream.v1.SpeechService"
SERVICES = (SPEECH_SERVICE, voice_service.SERVICE, server_service.SERVICE)
# For the last messages to leave after every call was told to end.
FAREWELL_S = 1.0
EXECUTOR_THREADS = 4


class SpeechServer:
    """Serves one engine.

    Made, opened, loaded, drained and closed on one event loop::

        server = SpeechServer(config, checkpoint, engine)
        await server.open()     # answers, with WARMING_UP; health is NOT_SERVING
        await server.load()     # health is SERVING
        await server.drain()    # health is NOT_SERVING; running speech ends within grace
        await server.close()

    Args:
        config: The configuration.
        checkpoint: What is spoken with.
        engine: Makes the speech; the server starts and closes it.
        tracing: Where spans go; the server closes it. None: nowhere.

    Attributes:
        lost: Set once the engine has been down for longer than ``engine_down_s``: whoever runs
            the server should end it and let it be started anew.

    Raises:
        ConfigError: The default voice does not exist, or the file of tenants is no such thing.
        CheckpointError: The tokenizer or the index of voices is damaged.
    """

    def __init__(
        self,
        config: ServerConfig,
        checkpoint: Checkpoint,
        engine: Engine,
        tracing: Tracing | None = None,
    ) -> None:
        self.lost = asyncio.Event()
        self._config = config
        self._engine = engine
        self._tracing = NoTracing() if tracing is None else tracing
        self._down: asyncio.TimerHandle | None = None
        self._engine_info: EngineInfo | None = None
        extra = () if config.voices_dir is None else (config.voices_dir,)
        voices = checkpoint.voices(extra)
        self._frontend = SpeechFrontend(checkpoint, voices)
        self._default_voice = self._find_default_voice()
        self._executor = ThreadPoolExecutor(EXECUTOR_THREADS, thread_name_prefix="barkstream")
        self._tenants = Tenants.load(config.tenants)
        self._admission = Admission(config.max_sessions)
        self._health = health.HealthService(SERVICES)
        self._voices = voice_service.VoiceService(voices, self._default_voice, self._executor)
        self._metrics = ServerMetrics(
            Gauges(engine.load, lambda: self.sessions, lambda: self.serving)
        )
        self._info = server_service.ServerService(
            config, checkpoint, self._default_voice, lambda: self._engine_info, self._metrics
        )
        self._grpc: grpc.aio.Server | None = None
        self._port = 0
        self._closed = False

    @property
    def address(self) -> str:
        """Where it listens, with the port that was really taken."""
        listen = self._config.listen
        if listen.startswith("unix:"):
            return listen
        return f"{listen.rpartition(':')[0]}:{self._port}"

    @property
    def metrics_address(self) -> str | None:
        """Where it offers its metrics; None: nowhere."""
        return self._metrics.address

    @property
    def serving(self) -> bool:
        """What health says."""
        return self._health.serving

    @property
    def sessions(self) -> int:
        """Speech calls that are open."""
        return self._admission.sessions

    async def open(self) -> None:
        """Listen. Speech is refused with WARMING_UP until `load` is done.

        Raises:
            SetupError: The address cannot be taken.
            ConfigError: A certificate is not usable.
        """
        loop = asyncio.get_running_loop()
        server = grpc.aio.server(options=grpc_options(self._config))
        limits = CallLimits(
            self._config.first_message_timeout_s, self._config.write_stall_timeout_s
        )
        table = MethodTable(self._handlers(), limits, self._metrics.call_ended, self._tracing)
        server.add_generic_rpc_handlers((table,))
        if self._config.reflection:
            names = (*SERVICES, health.SERVICE, reflection.SERVICE_NAME)
            reflection.enable_server_reflection(names, server)
        self._port = bind(server, self._config)
        if self._config.metrics_listen is not None:
            self._metrics.listen(self._config.metrics_listen)
        self._grpc = server
        self._engine.add_state_listener(
            lambda state: _call_soon(loop, functools.partial(self._on_engine_state, state))
        )
        await server.start()
        log_event(
            logger,
            logging.INFO,
            "listening",
            address=self.address,
            metrics=self.metrics_address,
        )

    async def load(self) -> None:
        """Start the engine and wait until it is warm.

        Raises:
            SetupError: The checkpoint, device or library is not usable.
        """
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._executor, self._engine.start)
        self._on_engine_state(self._engine.state)

    async def drain(self, at_once: asyncio.Event | None = None) -> None:
        """Take nothing new, let running speech end within grace, then end what is left.

        Args:
            at_once: Set to stop waiting.
        """
        grace_s = self._config.grace_s
        log_event(logger, logging.INFO, "draining", grace_s=grace_s, sessions=self.sessions)
        self._health.set_serving(serving=False)
        self._admission.begin_drain(grace_s)
        waits = [asyncio.ensure_future(self._admission.wait_empty(grace_s))]
        if at_once is not None:
            waits.append(asyncio.ensure_future(at_once.wait()))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        self._admission.shut()
        await self._admission.wait_empty(FAREWELL_S)

    async def close(self) -> None:
        """End everything. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        if self._down is not None:
            self._down.cancel()
        self._health.close()
        self._info.close()
        self._admission.begin_drain(0)
        self._admission.shut()
        if self._grpc is not None:
            await self._grpc.stop(FAREWELL_S)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._executor, self._engine.close)
        await loop.run_in_executor(self._executor, self._metrics.close)
        await loop.run_in_executor(self._executor, self._tracing.close)
        # Its threads have nothing left to do.
        self._executor.shutdown(wait=True)
        log_event(logger, logging.INFO, "closed")

    def _handlers(self) -> Mapping[str, Handler]:
        resources = SpeechResources(
            config=self._config,
            frontend=self._frontend,
            engine=self._engine,
            admission=self._admission,
            executor=self._executor,
            metrics=self._metrics,
            tenants=self._tenants,
        )
        speech = {"Synthesize": synthesize, "StreamSynthesize": stream_synthesize}
        return {
            **{
                f"/{SPEECH_SERVICE}/{name}": _bound(method, resources)
                for name, method in {**speech, "Converse": converse}.items()
            },
            **self._voices.handlers(),
            **self._info.handlers(),
            **self._health.handlers(),
        }

    def _on_engine_state(self, state: EngineState) -> None:
        level = logging.WARNING if state is EngineState.DOWN else logging.INFO
        log_event(logger, level, "engine", state=state.value)
        if self._down is not None:
            self._down.cancel()
            self._down = None
        if state is EngineState.DOWN:
            loop = asyncio.get_running_loop()
            self._down = loop.call_later(self._config.engine_down_s, self.lost.set)
        if state is EngineState.READY:
            self._engine_info = self._engine.info
        self._admission.set_engine_state(state)
        self._health.set_serving(serving=self._admission.serving)

    def _find_default_voice(self) -> str | None:
        wanted = self._config.default_voice or self._frontend.default_voice
        if wanted == "none":
            return None
        try:
            return self._frontend.voices.resolve(wanted)
        except UnknownVoiceError as error:
            raise ConfigError(f"default_voice: {error.message}") from error


def _bound(
    method: Callable[[Call, SpeechResources], Awaitable[None]], resources: SpeechResources
) -> Handler:
    return lambda call: method(call, resources)


def _call_soon(loop: asyncio.AbstractEventLoop, action: Callable[[], None]) -> None:
    with suppress(RuntimeError):  # the loop is gone, and the server with it
        loop.call_soon_threadsafe(action)

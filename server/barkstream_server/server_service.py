"""ServerService: what the server is and can do, and how busy it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

from bark_core.checkpoints import Checkpoint
from bark_core.engine.interface import EngineInfo
from bark_core.errors import CapacityError, DrainingError
from barkstream.v1 import audio_pb2, server_service_pb2
from barkstream_server.call import Call
from barkstream_server.config import ServerConfig
from barkstream_server.convert.durations import duration_of, seconds_of
from barkstream_server.methods import Handler
from barkstream_server.metrics import ServerMetrics

SERVICE = "barkstream.v1.ServerService"
DEFAULT_INTERVAL_S = 1.0
MIN_INTERVAL_S, MAX_INTERVAL_S = 0.1, 60.0
MAX_WATCHERS = 64
# A longer wait for a place is told as this: nobody waits so long.
MAX_WAIT_S = 86_400.0


class ServerService:
    """Describes the server.

    Args:
        config: Its configuration.
        checkpoint: What it speaks with.
        default_voice: Name of the voice used when none is named; None: none is.
        engine_info: What the engine runs; None until it is ready for the first time.
        metrics: How busy it is.
    """

    def __init__(
        self,
        config: ServerConfig,
        checkpoint: Checkpoint,
        default_voice: str | None,
        engine_info: Callable[[], EngineInfo | None],
        metrics: ServerMetrics,
    ) -> None:
        self._config = config
        self._checkpoint = checkpoint
        self._default_voice = default_voice
        self._engine_info = engine_info
        self._metrics = metrics
        self._watchers = 0
        self._closing = asyncio.Event()

    def handlers(self) -> Mapping[str, Handler]:
        """Entries of the method table."""
        return {
            f"/{SERVICE}/GetServerInfo": self._get_server_info,
            f"/{SERVICE}/WatchLoad": self._watch_load,
        }

    def close(self) -> None:
        """End all watches: the server is going."""
        self._closing.set()

    async def _get_server_info(self, call: Call) -> None:
        await call.receive_first(server_service_pb2.GetServerInfoRequest)
        await call.send(
            server_service_pb2.GetServerInfoResponse(
                version=package_version(),
                model=self._model(),
                limits=server_service_pb2.ServerLimits(
                    slots=self._config.slots,
                    max_waiting=self._config.max_waiting,
                    max_contexts_per_session=self._config.max_contexts_per_session,
                    max_synthesize_characters=self._config.max_synthesize_characters,
                    max_text_characters=self._config.max_text_characters,
                    max_wait=(
                        duration_of(self._config.max_wait_s)
                        if self._config.admission == "measured"
                        else None
                    ),
                ),
                encodings=[name for name, number in audio_pb2.AudioEncoding.items() if number],
                default_voice=self._default_voice or "",
            )
        )

    async def _watch_load(self, call: Call) -> None:
        request = await call.receive_first(server_service_pb2.WatchLoadRequest)
        interval_s = DEFAULT_INTERVAL_S
        if request.HasField("interval"):
            interval_s = seconds_of(
                request.interval, "interval", low_s=MIN_INTERVAL_S, high_s=MAX_INTERVAL_S
            )
        if self._watchers >= MAX_WATCHERS:
            raise CapacityError("too many watchers of the load", retry_after_s=10.0)
        self._watchers += 1
        try:
            while not self._closing.is_set():
                await call.send(self._load())
                with suppress(TimeoutError):
                    async with asyncio.timeout(interval_s):
                        await self._closing.wait()
        finally:
            self._watchers -= 1
        raise DrainingError("the server is shutting down")

    def _load(self) -> server_service_pb2.WatchLoadResponse:
        gauges, totals = self._metrics.gauges, self._metrics.totals
        load = gauges.load()
        return server_service_pb2.WatchLoadResponse(
            serving=gauges.serving(),
            sessions=gauges.sessions(),
            running=load.running,
            waiting=load.waiting,
            slots=load.slots,
            realtime_factor=load.realtime_factor or 0.0,
            utterances=totals.utterances,
            audio=duration_of(totals.audio_s),
            underruns=totals.underruns,
            refusals=sum(totals.refusals.values()),
            places=load.places,
            in_line=load.in_line,
            expected_wait=duration_of(min(load.wait_s, MAX_WAIT_S)) if load.places else None,
            refusals_by_reason=totals.refusals,
            least_lead=None if load.least_lead_s is None else duration_of(load.least_lead_s),
        )

    def _model(self) -> server_service_pb2.ModelInfo:
        model = server_service_pb2.ModelInfo(
            name=self._checkpoint.name,
            is_noise=self._checkpoint.is_noise,
            sample_rate_hz=self._checkpoint.config.sample_rate_hz,
        )
        info = self._engine_info()
        if info is not None:
            model.backend = info.backend.name
            model.device = info.backend.device
            model.dtype = info.backend.dtype
        return model


def package_version() -> str:
    """Version of barkstream as installed."""
    try:
        return version("barkstream")
    except PackageNotFoundError:  # run from a source tree without installation
        return "0+unknown"

"""ServerService: what the server is and can do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version

from bark_core.checkpoints import Checkpoint
from bark_core.engine.interface import EngineInfo
from barkstream.v1 import audio_pb2, server_service_pb2
from barkstream_server.call import Call
from barkstream_server.config import ServerConfig
from barkstream_server.methods import Handler

SERVICE = "barkstream.v1.ServerService"


class ServerService:
    """Describes the server.

    Args:
        config: Its configuration.
        checkpoint: What it speaks with.
        default_voice: Name of the voice used when none is named; None: none is.
        engine_info: What the engine runs; None until it is ready for the first time.
    """

    def __init__(
        self,
        config: ServerConfig,
        checkpoint: Checkpoint,
        default_voice: str | None,
        engine_info: Callable[[], EngineInfo | None],
    ) -> None:
        self._config = config
        self._checkpoint = checkpoint
        self._default_voice = default_voice
        self._engine_info = engine_info

    def handlers(self) -> Mapping[str, Handler]:
        """Entries of the method table."""
        return {f"/{SERVICE}/GetServerInfo": self._get_server_info}

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
                ),
                encodings=[name for name, number in audio_pb2.AudioEncoding.items() if number],
                default_voice=self._default_voice or "",
            )
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

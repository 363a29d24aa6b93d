"""The engine that a configuration asks for."""

from __future__ import annotations

from bark_core.backends.registry import BackendSpec
from bark_core.checkpoints import Checkpoint
from bark_core.engine.interface import Engine, EngineLimits
from bark_core.engine.process import ProcessEngine
from bark_core.engine.thread import ThreadEngine
from barkstream_server.config import ServerConfig


def create_engine(config: ServerConfig, checkpoint: Checkpoint) -> Engine:
    """An engine, not started yet.

    Raises:
        ConfigError: There is no such back end.
    """
    spec = BackendSpec(
        checkpoint=checkpoint,
        backend=config.backend,
        device=config.device,
        slots=config.slots,
        threads=config.threads,
        dtype=config.dtype,
    )
    limits = EngineLimits(
        max_waiting=config.max_waiting,
        measured_places=config.admission == "measured",
        max_wait_s=config.max_wait_s,
        headroom=config.headroom,
    )
    if config.engine == "thread":
        return ThreadEngine(spec, checkpoint.config, limits)
    return ProcessEngine(spec, checkpoint.config, limits)

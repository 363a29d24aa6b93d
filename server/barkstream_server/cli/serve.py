"""``barkstream serve``: the server as a process."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable

from bark_core.checkpoints import open_checkpoint
from bark_core.errors import BarkstreamError, SetupError
from barkstream_server.config import ServerConfig
from barkstream_server.config_sources import add_flags, load_config
from barkstream_server.engines import create_engine
from barkstream_server.logs import configure_logging, log_event
from barkstream_server.server import SpeechServer
from barkstream_server.server_service import package_version
from barkstream_server.tracing.opening import open_tracing

NAME = "serve"
HELP = "serve speech over gRPC"

# EX_CONFIG of sysexits.h: starting again will not help until somebody changes something.
EXIT_SETUP = 78
EXIT_ENGINE_LOST = 1

logger = logging.getLogger("barkstream.serve")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options: one for each field of the configuration."""
    parser.description = (
        "Serve speech over gRPC. Every option is also an environment variable (in brackets) and a "
        "key of the TOML file given with --config; options win over variables, variables over "
        "the file. Prints 'listening on ADDRESS' when ready. SIGTERM drains, a second one stops "
        "at once."
    )
    add_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop; returns the exit code."""
    try:
        config = load_config(vars(args), os.environ)
        configure_logging(config.log_level, config.log_format)
        return asyncio.run(serve(config))
    except SetupError as error:
        print(f"barkstream: {error.message}", file=sys.stderr)
        return EXIT_SETUP


async def serve(config: ServerConfig) -> int:
    """Serve until SIGTERM or SIGINT, or until the engine is lost; returns the exit code.

    Raises:
        SetupError: The address, a certificate, the checkpoint or the tracing is not usable.
    """
    stop, at_once = asyncio.Event(), asyncio.Event()

    def on_signal() -> None:
        (at_once if stop.is_set() else stop).set()

    _on_signals(on_signal)
    checkpoint = open_checkpoint(config.checkpoint)
    if checkpoint.notice:
        log_event(logger, logging.WARNING, "checkpoint", notice=checkpoint.notice)
    engine = create_engine(config, checkpoint)
    tracing = open_tracing(config.otlp_endpoint, os.environ, package_version())
    server = SpeechServer(config, checkpoint, engine, tracing)
    stopping = asyncio.ensure_future(stop.wait())
    losing = asyncio.ensure_future(server.lost.wait())
    try:
        await server.open()
        loading = asyncio.ensure_future(server.load())
        await asyncio.wait({loading, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not loading.done():
            loading.add_done_callback(_mark_retrieved)
            return 0
        loading.result()
        print(f"listening on {server.address}", flush=True)
        await asyncio.wait({stopping, losing}, return_when=asyncio.FIRST_COMPLETED)
        if not stop.is_set():
            print("barkstream: the engine is lost; the log says why", file=sys.stderr)
            return EXIT_ENGINE_LOST
        await server.drain(at_once)
        return 0
    finally:
        await server.close()
        for waiting in (stopping, losing):
            waiting.cancel()


def _mark_retrieved(loading: asyncio.Future[None]) -> None:
    """Stopped while loading: how that ends is of no interest, unless it is a bug."""
    error = None if loading.cancelled() else loading.exception()
    if error is not None and not isinstance(error, BarkstreamError):
        log_event(logger, logging.ERROR, "loading", error=error)


def _on_signals(action: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, action)

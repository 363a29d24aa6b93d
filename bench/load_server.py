"""The server under load: ``barkstream serve`` as a child process on a free port of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

# The first start with an ONNX back end converts the checkpoint.
START_TIMEOUT_S = 300.0
STOP_TIMEOUT_S = 15.0
READY_PREFIX = "listening on "


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """How the server is started. What is None takes the server's default."""

    checkpoint: str = "embedded"
    backend: str = "auto"
    dtype: str = "auto"
    slots: int | None = None
    threads: int | None = None
    max_waiting: int | None = None
    max_lead_s: float | None = None
    max_hold_s: float | None = None
    admission: str | None = None

    def arguments(self) -> tuple[str, ...]:
        """As options of ``barkstream serve``."""
        given = {
            "--listen": "127.0.0.1:0",
            "--log-level": "error",
            "--grace-s": "1",
            "--checkpoint": self.checkpoint,
            "--backend": self.backend,
            "--dtype": self.dtype,
            "--slots": self.slots,
            "--threads": self.threads,
            "--max-waiting": self.max_waiting,
            "--max-lead-s": self.max_lead_s,
            "--max-hold-s": self.max_hold_s,
            "--admission": self.admission,
        }
        return tuple(
            word
            for name, value in given.items()
            if value is not None
            for word in (name, str(value))
        )


@asynccontextmanager
async def running_server(settings: ServerSettings) -> AsyncIterator[str]:
    """Start it, yield its address once it serves, stop it.

    Raises:
        RuntimeError: It did not start, or ended by itself; it has said why on stderr.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "barkstream_server",
        "serve",
        *settings.arguments(),
        stdout=asyncio.subprocess.PIPE,
        # Nothing leaves this machine: a checkpoint must be at hand.
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
    )
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), START_TIMEOUT_S)
        address = line.decode().strip()
        if not address.startswith(READY_PREFIX):
            raise RuntimeError("the server did not start: its own message is above")
        yield address.removeprefix(READY_PREFIX)
        if process.returncode is not None:
            raise RuntimeError(f"the server ended during the run with code {process.returncode}")
    finally:
        await _stop(process)


async def _stop(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
    except TimeoutError:
        process.kill()
        await process.wait()

"""The server of a soak: ``barkstream serve`` as a child process that can be looked into."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.load_server import READY_PREFIX, START_TIMEOUT_S
from bench.soak.line import WRITE_STALL_S
from bench.soak.processes import ProcessState, children, engine_pid, is_alive, process_state

ROOT = Path(__file__).resolve().parents[2]
SNAPSHOT_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0
MAX_SESSIONS = 64
# Short, so that some calls find no room.
MAX_WAITING = 24


@dataclass(frozen=True, slots=True)
class Look:
    """What server and engine hold at one moment.

    Attributes:
        server: Of the server process.
        engine: Of the engine process.
        held: Names and numbers of tasks, threads and objects in the server.
    """

    server: ProcessState
    engine: ProcessState
    held: dict[str, dict[str, int]]


class WatchedServer:
    """A running server.

    Args:
        process: The server process.
        address: Where it listens.
        directory: Of the soak: log, snapshots, and all that the server itself leaves in ``tmp``.
    """

    def __init__(self, process: asyncio.subprocess.Process, address: str, directory: Path) -> None:
        self.address = address
        self.pid = process.pid
        self._process = process
        self._directory = directory

    @property
    def engine_pid(self) -> int:
        """Of the engine process. Raises ProcessLookupError while there is none."""
        return engine_pid(self.pid)

    async def look(self) -> Look:
        """Look into both processes.

        Raises:
            ProcessLookupError: One is gone.
            TimeoutError: The server does not answer its signal: its event loop hangs.
        """
        path = self._directory / "snapshot.json"
        path.unlink(missing_ok=True)
        self._process.send_signal(signal.SIGUSR1)
        async with asyncio.timeout(SNAPSHOT_TIMEOUT_S):
            while not path.exists():  # noqa: ASYNC110 - another process makes it
                await asyncio.sleep(0.05)
        held: Any = json.loads(path.read_text())
        return Look(process_state(self.pid), process_state(self.engine_pid), held)

    async def stop(self) -> list[str]:
        """End it as an operator does; -> what was wrong with that."""
        young = children(self.pid)
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            code = await asyncio.wait_for(self._process.wait(), STOP_TIMEOUT_S)
        except TimeoutError:
            return [f"the server still ran {STOP_TIMEOUT_S:g} s after SIGTERM"]
        wrong = [] if code == 0 else [f"the server ended with exit code {code}"]
        wrong += [f"its child {pid} outlived it" for pid in young if await _outlives(pid)]
        # torch makes the folder of its compiler's cache whenever it is asked for a layer.
        left = [n for n in _names(self._directory / "tmp") if not n.startswith("torchinductor")]
        return wrong + [f"left in the directory for temporary files: {name}" for name in left]


def _names(directory: Path) -> list[str]:
    return [path.name for path in directory.rglob("*")]


async def _outlives(pid: int) -> bool:
    """multiprocessing's resource tracker sees its parent's end a moment later."""  # noqa: D403
    for _ in range(100):
        if not is_alive(pid):
            return False
        await asyncio.sleep(0.05)
    return True


@asynccontextmanager
async def watched_server(
    *, checkpoint: str, backend: str, slots: int, directory: Path
) -> AsyncIterator[WatchedServer]:
    """Start it, yield it once it serves; kill it if it was not stopped.

    Raises:
        RuntimeError: It did not start; its log says why.
    """
    (directory / "tmp").mkdir(parents=True)
    with (directory / "server.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.soak.inspected", str(directory / "snapshot.json")),
            *("serve", "--listen", "127.0.0.1:0", "--log-level", "warning"),
            *("--log-format", "json", "--grace-s", "5", "--checkpoint", checkpoint),
            *("--backend", backend, "--slots", str(slots), "--threads", "1"),
            *("--max-sessions", str(MAX_SESSIONS), "--max-waiting", str(MAX_WAITING)),
            *("--write-stall-timeout-s", str(WRITE_STALL_S), "--first-message-timeout-s", "1"),
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            cwd=ROOT,
            env=os.environ
            | {
                "HF_HUB_OFFLINE": "1",
                "TMPDIR": str(directory / "tmp"),
                "OMP_NUM_THREADS": "1",
                "PYTHONWARNINGS": "default",
            },
        )
        try:
            assert process.stdout is not None
            line = await asyncio.wait_for(process.stdout.readline(), START_TIMEOUT_S)
            address = line.decode().strip()
            if not address.startswith(READY_PREFIX):
                raise RuntimeError(f"the server did not start: see {directory / 'server.log'}")
            yield WatchedServer(process, address.removeprefix(READY_PREFIX), directory)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

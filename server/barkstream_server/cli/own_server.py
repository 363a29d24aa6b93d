"""A server of one's own for one text: a child process on a free port of this machine."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bark_core.errors import SetupError

STOP_TIMEOUT_S = 20.0
READY_PREFIX = "listening on "


@contextmanager
def own_server(
    checkpoint: str, *, backend: str = "auto", device: str = "auto", dtype: str = "auto"
) -> Iterator[str]:
    """Start ``barkstream serve`` on a free port; yields its address, stops it at the end.

    Raises:
        SetupError: It did not start; it has said why on stderr.
    """
    command = [
        sys.executable,
        "-m",
        "barkstream_server",
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--checkpoint",
        checkpoint,
        "--backend",
        backend,
        "--device",
        device,
        "--dtype",
        dtype,
        "--log-level",
        "warning",
        "--grace-s",
        "1",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            if not address.startswith(READY_PREFIX):
                raise SetupError("the server did not start: its own message is above")
            yield address.removeprefix(READY_PREFIX)
        finally:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()

"""A caller whose process is frozen: its kernel goes on acknowledging packets."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys

from tests.support.serving import eventually, served

CALLER = """
import asyncio, sys
from barkstream_client import SpeechClient

async def main():
    async with SpeechClient.connect(sys.argv[1]) as client, client.session():
        print("open", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_a_frozen_caller_is_let_go() -> None:
    async with served(keepalive_s=1.0, keepalive_timeout_s=1.0) as target:
        caller = await asyncio.create_subprocess_exec(
            sys.executable, "-c", CALLER, target.server.address, stdout=subprocess.PIPE
        )
        try:
            assert caller.stdout is not None
            await caller.stdout.readline()
            assert target.server.sessions == 1
            os.kill(caller.pid, signal.SIGSTOP)
            await eventually(lambda: target.server.sessions == 0)
        finally:
            caller.kill()
            await caller.communicate()

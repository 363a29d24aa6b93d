"""A client process that calls without end until it is killed; says when its first audio came.

python -m bench.soak.victim TARGET SEED
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress

from barkstream_client import Audio, SpeechClient, SpeechError

TEXT = "This process will not live to hear the end. Nor will it say goodbye. "
STREAMS = 2
CONTEXTS = 3
# It is killed long before; if whoever should kill it is gone, it ends by itself.
LIFE_S = 120.0


async def _live(target: str, seed: int) -> None:
    async with SpeechClient.connect(target) as client, asyncio.TaskGroup() as group:
        for number in range(STREAMS):
            group.create_task(_stream(client, seed + number))
        group.create_task(_session(client, seed))


async def _stream(client: SpeechClient, seed: int) -> None:
    while True:
        with suppress(SpeechError):
            async for event in client.stream(TEXT, seed=seed, max_utterance_s=0.5):
                if isinstance(event, Audio):
                    print("speaking", flush=True)
        await asyncio.sleep(0.1)


async def _session(client: SpeechClient, seed: int) -> None:
    while True:
        with suppress(SpeechError):
            async with client.session() as session:
                contexts = [
                    session.context(seed=seed, max_utterance_s=0.5) for _ in range(CONTEXTS)
                ]
                for context in contexts:
                    await context.append(TEXT)
                    await context.finish()
                for context in contexts:
                    async for _ in context:
                        pass
        await asyncio.sleep(0.1)


async def _main() -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(LIFE_S):
            await _live(sys.argv[1], int(sys.argv[2]))


if __name__ == "__main__":
    asyncio.run(_main())

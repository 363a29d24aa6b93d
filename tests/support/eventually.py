"""Waiting for what another task or process is about to do. Never for a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

TIMEOUT_S = 30.0
_POLL_S = 0.002


async def eventually(condition: Callable[[], object]) -> None:
    """Until the condition holds. Raises TimeoutError when it plainly never will."""
    async with asyncio.timeout(TIMEOUT_S):
        while not condition():  # noqa: ASYNC110 - the condition has no event to wait for
            await asyncio.sleep(_POLL_S)

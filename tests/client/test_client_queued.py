"""Whoever waits in line is told where."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from barkstream_client import Queued, SpeechClient, Started
from barkstream_client.sync import SyncSpeechClient
from barkstream_client.testing import FakeScript, FakeSpeechServer

LINE = FakeScript(queued=((2, 1.5), (1, 0.25)))
TOLD = [Queued(2, 1.5), Queued(1, 0.25)]


async def test_streams_and_sessions_tell_it_after_they_have_started() -> None:
    async def words() -> AsyncIterator[str]:
        yield "Hello."

    async with (
        FakeSpeechServer(script=LINE) as server,
        SpeechClient.connect(server.target) as client,
    ):
        for stream in (client.stream("Hello."), client.converse(words())):
            events = [event async for event in stream]
            assert isinstance(events[0], Started)
            assert events[1:3] == TOLD
        assert (await client.synthesize("Hello.")).audio


async def test_blocking_streams_tell_it_too() -> None:

    def hear(target: str) -> list[object]:
        with SyncSpeechClient.connect(target) as client:
            return list(client.stream("Hello."))

    async with FakeSpeechServer(script=LINE) as server:
        events = await asyncio.to_thread(hear, server.target)
    assert events[1:3] == TOLD

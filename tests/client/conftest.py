"""A fake server and a client of it, over a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from barkstream_client import SpeechClient, SpeechSession
from barkstream_client.testing import FakeSpeechServer


@pytest.fixture
async def server() -> AsyncIterator[FakeSpeechServer]:
    async with FakeSpeechServer() as server:
        yield server


@pytest.fixture
async def client(server: FakeSpeechServer) -> AsyncIterator[SpeechClient]:
    async with SpeechClient.connect(server.target) as client:
        yield client


@pytest.fixture
async def session(client: SpeechClient) -> AsyncIterator[SpeechSession]:
    async with client.session() as session:
        yield session

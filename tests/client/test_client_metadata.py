"""Metadata of calls."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from barkstream_client import OptionError, SpeechClient
from barkstream_client.testing import FakeSpeechServer


async def deltas(*texts: str) -> AsyncIterator[str]:
    for text in texts:
        yield text


async def test_metadata_goes_with_every_call(server: FakeSpeechServer) -> None:
    metadata = {"authorization": "Bearer secret"}
    async with SpeechClient.connect(server.target, metadata=metadata) as client:
        for call in (
            client.synthesize("Hi."),
            anext(client.stream("Hi.")),
            anext(client.converse(deltas("Hi."))),
            client.list_voices(),
            client.get_voice("fake/en"),
            client.server_info(),
            anext(client.watch_load()),
            client.wait_ready(10),
        ):
            server.metadata.clear()
            await call
            assert server.metadata["authorization"] == "Bearer secret"


async def test_metadata_may_be_made_for_each_call(server: FakeSpeechServer) -> None:
    tokens = iter(("first", "second", "line\nbreak"))
    async with SpeechClient.connect(
        server.target, metadata=lambda: {"authorization": next(tokens)}
    ) as client:
        await client.synthesize("Hi.")
        assert server.metadata["authorization"] == "first"
        async with client.session():
            assert server.metadata["authorization"] == "second"
        with pytest.raises(OptionError, match="metadata"):
            await client.synthesize("Hi.")


@pytest.mark.parametrize("key", ["Upper", "with space", "", "grpc-timeout", "data-bin"])
def test_metadata_that_cannot_be_sent_is_refused(key: str) -> None:
    with pytest.raises(OptionError, match="metadata"):
        SpeechClient.connect("localhost:1", metadata={key: "x"})
    with pytest.raises(OptionError, match="metadata"):
        SpeechClient.connect("localhost:1", metadata={"key": "line\nbreak"})

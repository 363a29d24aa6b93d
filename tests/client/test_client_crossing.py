"""Messages that cross the end of their context on the wire: fake and real server alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from barkstream.v1 import audio_pb2
from barkstream.v1 import speech_service_pb2 as pb
from barkstream.v1.speech_service_pb2_grpc import SpeechServiceStub
from barkstream_client import (
    Completed,
    NotFoundError,
    ServerFullError,
    SpeechClient,
    SpeechSession,
)
from barkstream_client.testing import FakeSpeechServer
from tests.support.serving import PATIENCE_S, served
from tests.support.session_events import all_of

ROOM = 4


@pytest.fixture(params=["fake", "real"])
async def target(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    if request.param == "fake":
        async with FakeSpeechServer(max_contexts=ROOM) as server:
            yield server.target
            await server.wait_idle()
    else:
        async with served(max_contexts_per_session=ROOM) as real:
            yield real.server.address
            await real.settled()


async def test_a_refused_context_is_told_so_once(target: str) -> None:
    unknown = pb.SpeechConfig(voice=audio_pb2.VoiceSelection(name="nobody"))
    async with grpc.aio.insecure_channel(target) as channel:
        stub: Any = SpeechServiceStub(channel)  # type: ignore[no-untyped-call]
        call = stub.Converse()
        await call.write(pb.ConverseRequest(open=pb.OpenSession()))
        for request in (
            pb.ConverseRequest(append=pb.AppendText(text="Hello there.", config=unknown)),
            pb.ConverseRequest(flush=pb.FlushText(flush_id="f")),
            pb.ConverseRequest(finish=pb.FinishContext()),
            pb.ConverseRequest(cancel=pb.CancelContext()),
        ):
            request.context_id = "a"
            await call.write(request)
        await call.done_writing()
        events = [(m.context_id, m.WhichOneof("event")) async for m in call]
    assert events == [("", "session_opened"), ("a", "failed")]


async def test_text_that_crosses_the_failure_of_its_context_is_not_spoken_on(target: str) -> None:
    """To the server it opens a context of that id anew; nobody would ever end that one."""
    async with SpeechClient.connect(target) as client, client.session() as session:
        for _ in range(2 * ROOM):
            refused = session.context(voice="nobody")
            for delta in ("One two ", "three. Four ", "five six."):
                await refused.append(delta)
            with pytest.raises(NotFoundError):
                await all_of(refused)
        async with asyncio.timeout(PATIENCE_S):
            while not await _has_all_its_room(session):  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.01)


async def _has_all_its_room(session: SpeechSession) -> bool:
    contexts = [session.context() for _ in range(ROOM)]
    for context in contexts:
        await context.append("Hello there.")
        await context.finish()
    ends = await asyncio.gather(*map(all_of, contexts), return_exceptions=True)
    assert all(isinstance(end, ServerFullError | list) for end in ends), ends
    return all(isinstance(end, list) and isinstance(end[-1], Completed) for end in ends)

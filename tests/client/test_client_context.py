"""A context whose connection is congested: its first text waits for room."""

from __future__ import annotations

import asyncio

import pytest

from barkstream.v1 import speech_service_pb2 as pb
from barkstream_client import CancelReport, ClosedError, SpeechContext

CONFIG = pb.SpeechConfig(voice={"name": "someone"})


class CongestedWire:
    """Lets nothing through until it is told to."""

    def __init__(self) -> None:
        self.room = asyncio.Event()
        self.sent: list[pb.ConverseRequest] = []
        self.registered: list[SpeechContext] = []

    def register(self, context: SpeechContext) -> None:
        self.registered.append(context)

    def forget(self, context: SpeechContext) -> None:
        self.registered.remove(context)

    async def send(self, request: pb.ConverseRequest) -> None:
        await self.room.wait()
        self.sent.append(request)

    def send_now(self, request: pb.ConverseRequest) -> None:
        self.sent.append(request)

    def kinds(self) -> list[str | None]:
        return [request.WhichOneof("request") for request in self.sent]


@pytest.fixture
def wire() -> CongestedWire:
    return CongestedWire()


@pytest.fixture
def context(wire: CongestedWire) -> SpeechContext:
    return SpeechContext(wire, "c", CONFIG, 1_000_000)


async def test_an_interrupted_first_append_never_happened(
    wire: CongestedWire, context: SpeechContext
) -> None:
    appending = asyncio.create_task(context.append("lost"))
    await asyncio.sleep(0)
    assert wire.registered == [context]
    appending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await appending
    assert wire.registered == []
    assert context.text == ""
    wire.room.set()
    await context.append("said")
    assert context.text == "said"
    assert wire.registered == [context]
    (request,) = wire.sent
    assert (request.append.text, request.append.config) == ("said", CONFIG)


async def test_a_context_cancelled_while_its_first_append_waits_is_not_spoken(
    wire: CongestedWire, context: SpeechContext
) -> None:
    appending = asyncio.create_task(context.append("text"))
    await asyncio.sleep(0)
    report = await context.cancel()
    assert isinstance(report, CancelReport)
    wire.room.set()
    await appending
    assert wire.kinds() == ["append", "cancel"]


async def test_only_the_first_append_carries_the_config(
    wire: CongestedWire, context: SpeechContext
) -> None:
    wire.room.set()
    for word in ("one ", "", "two"):
        await context.append(word)
    await context.finish()
    assert wire.kinds() == ["append", "append", "finish"]
    assert [request.append.HasField("config") for request in wire.sent] == [True, False, False]


async def test_finish_opens_what_was_never_opened(
    wire: CongestedWire, context: SpeechContext
) -> None:
    wire.room.set()
    await context.finish()
    assert wire.kinds() == ["append", "finish"]
    with pytest.raises(ClosedError):
        await context.append("more")


async def test_a_cancel_carries_what_was_played_only_if_known(
    wire: CongestedWire, context: SpeechContext
) -> None:
    wire.room.set()
    await context.append("text")
    cancelling = asyncio.create_task(context.cancel(played_s=1.25))
    await asyncio.sleep(0)
    assert wire.sent[-1].cancel.played.ToMilliseconds() == 1_250
    cancelling.cancel()
    other = SpeechContext(wire, "d", None, 1_000_000)
    await other.append("text")
    other.close()
    other.close()
    assert wire.kinds() == ["append", "cancel", "append", "cancel"]
    assert not wire.sent[-1].cancel.HasField("played")
    assert not wire.sent[2].append.HasField("config")

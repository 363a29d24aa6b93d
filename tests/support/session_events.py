"""Events of the client's sessions, as tests look at them."""

from __future__ import annotations

from barkstream.v1 import speech_service_pb2 as pb
from barkstream_client import SpeechContext, SpeechEvent
from barkstream_client.testing import FakeSpeechServer


async def all_of(context: SpeechContext) -> list[SpeechEvent]:
    return [event async for event in context]


async def until(context: SpeechContext, kind: type[SpeechEvent]) -> SpeechEvent:
    async for event in context:
        if isinstance(event, kind):
            return event
    raise AssertionError(f"no {kind}")


def requests(server: FakeSpeechServer, kind: str) -> list[pb.ConverseRequest]:
    return [
        message
        for message in server.received
        if isinstance(message, pb.ConverseRequest) and message.WhichOneof("request") == kind
    ]


async def collect(context: SpeechContext, into: list[SpeechEvent]) -> None:
    async for event in context:
        into.append(event)  # noqa: PERF401 - kept also if the iteration fails

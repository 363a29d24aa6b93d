"""Cancelled tasks, readers that leave, and two hundred calls leave nothing behind."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable

import grpc
import grpc.aio
import pytest

from barkstream_client import Audio, Completed, SpeechClient, SpeechError
from barkstream_client.testing import FakeFailure, FakeSpeechServer
from tests.support.eventually import eventually

TEXT = "Hello there. How are you?"
Use = Callable[[SpeechClient], Awaitable[None]]


async def endless() -> AsyncIterator[str]:
    yield "Hello there. "
    await asyncio.Event().wait()


async def synthesize(client: SpeechClient) -> None:
    await client.synthesize(TEXT)


async def stream(client: SpeechClient) -> None:
    async for _ in client.stream(TEXT):
        pass


async def converse(client: SpeechClient) -> None:
    async for _ in client.converse(endless()):
        pass


async def read_session(client: SpeechClient) -> None:
    async with client.session() as session:
        context = session.context()
        await context.append(TEXT)
        async for _ in context:
            pass


def tasks() -> set[str]:
    """Names of the tasks of this loop, but for those in which grpc.aio's server awaits calls."""
    return {
        task.get_name() for task in asyncio.all_tasks() if "AioServer._request" not in repr(task)
    }


async def tasks_settle(before: set[str]) -> None:
    """Only the tasks of before are left; grpc.aio needs a few turns to end its own."""
    await eventually(lambda: tasks() <= before)


@pytest.mark.parametrize("use", [synthesize, stream, converse, read_session])
async def test_a_cancelled_task_cancels_its_call(
    server: FakeSpeechServer, client: SpeechClient, use: Use
) -> None:
    before = tasks()
    server.gate.close()
    task = asyncio.ensure_future(use(client))
    await eventually(lambda: server.live_calls)
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await server.wait_idle()
    await tasks_settle(before)
    server.gate.open()
    await client.synthesize("Still there.")


@pytest.mark.parametrize("turns", range(12))
async def test_a_task_cancelled_at_any_moment(
    server: FakeSpeechServer, client: SpeechClient, turns: int
) -> None:
    before = tasks()
    for use in (synthesize, stream, converse, read_session):
        task = asyncio.ensure_future(use(client))
        for _ in range(turns * 3):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await server.wait_idle()
    await tasks_settle(before)
    assert (await client.synthesize(TEXT)).audio


async def test_a_reader_that_leaves_early_ends_the_call(
    server: FakeSpeechServer, client: SpeechClient
) -> None:
    before = tasks()
    server.gate.close()
    for source in (client.stream(TEXT), client.converse(endless())):
        server.gate.allow(1)
        async with source:
            async for event in source:
                if isinstance(event, Audio):
                    break
        await server.wait_idle()
    await tasks_settle(before)


async def test_a_stream_that_is_forgotten_ends_the_call(
    server: FakeSpeechServer, client: SpeechClient
) -> None:
    server.gate.close()
    for source in (client.stream(TEXT), client.converse(endless())):
        await anext(source)
    assert server.live_calls == 2
    del source
    gc.collect()
    await server.wait_idle()


async def say_a_few_words(client: SpeechClient) -> None:
    async def words() -> AsyncIterator[str]:
        for word in ("This call ", "says. ", "Bye."):
            yield word

    events = [event async for event in client.converse(words())]
    assert isinstance(events[-1], Completed)


async def interrupt(client: SpeechClient) -> None:
    async with client.session() as session:
        context = session.context()
        await context.append("Hi there. ")
        await context.cancel()


async def fail(client: SpeechClient) -> None:
    with pytest.raises(SpeechError):
        await client.synthesize("Hi.", voice="nobody")


async def test_two_hundred_calls(server: FakeSpeechServer, client: SpeechClient) -> None:
    uses: list[Use] = [synthesize, stream, say_a_few_words, interrupt, fail]

    def channels() -> int:
        gc.collect()
        return sum(issubclass(type(thing), grpc.aio.Channel) for thing in gc.get_objects())

    await synthesize(client)
    tasks_before, channels_before = tasks(), channels()
    for number in range(100):
        await uses[number % len(uses)](client)
    await asyncio.gather(*(uses[number % len(uses)](client) for number in range(100)))
    await server.wait_idle()
    await tasks_settle(tasks_before)
    assert channels() == channels_before


async def test_failures_leave_nothing_behind(
    server: FakeSpeechServer, client: SpeechClient
) -> None:
    before = tasks()
    for use in (synthesize, stream, converse, read_session):
        server.fail_next(FakeFailure(grpc.StatusCode.INTERNAL, after_chunks=1))
        with pytest.raises(SpeechError):
            await use(client)
    await server.wait_idle()
    await tasks_settle(before)

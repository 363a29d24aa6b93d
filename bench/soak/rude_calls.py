"""Calls of people who hang up, dawdle, send nonsense or want too much."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Unpack

import grpc.aio
import numpy as np

from barkstream_client import (
    AbortedError,
    DeadlineError,
    InvalidRequestError,
    NotFoundError,
    OutOfOrderError,
    SpeechClient,
    SpeechError,
    SpeechOptions,
)
from bench.callers import OWN_CONNECTION
from bench.soak.calls import cancelled_after, moment_s
from bench.soak.line import FROZEN_S, SLOW_READ_S, Line, UnexpectedError
from bench.soak.plan import CallPlan

ROOT = Path(__file__).resolve().parents[2]
SPEECH_PATH = "/barkstream.v1.SpeechService"
VICTIM_START_TIMEOUT_S = 60.0


async def channel_closed(plan: CallPlan, line: Line) -> str:
    """A connection of its own goes away in the middle of its calls."""
    rng = plan.draws()
    client = SpeechClient.connect(line.target, channel_options=OWN_CONNECTION)

    async def talk(stream: int) -> None:
        own = plan.draws(1 + stream)
        script = line.script_of(int(own.integers(1 << 30)), session=own.random() < 0.5)
        async with client.session() as session:
            context = session.context(**script.options)
            await context.append(script.text)
            async for _ in context:
                pass

    talks = [asyncio.create_task(talk(stream)) for stream in range(int(rng.integers(1, 4)))]
    await asyncio.wait(talks, timeout=moment_s(rng.random()))
    await client.aclose()
    # How calls end whose own connection was closed is the client's business; that they do is ours.
    await asyncio.wait(talks, timeout=5.0)
    for task in talks:
        if not task.done():
            task.cancel()
            raise UnexpectedError("a call outlived its closed connection")
        if not isinstance(error := task.exception(), SpeechError | None):
            raise error
    return "hung up"


async def past_deadline(plan: CallPlan, line: Line) -> str:
    """A time limit that is too short, or just not."""
    rng = plan.draws()
    script = line.script_of(int(rng.integers(1 << 30)), session=False)
    timeout_s = 0.002 + float(rng.random() ** 2)
    client = line.client(plan)
    try:
        if rng.random() < 0.5:
            speech = await client.synthesize(script.text, timeout_s=timeout_s, **script.options)
            line.alone.check_stream(script, speech.audio, whole=True)
        else:
            async for _ in client.stream(script.text, timeout_s=timeout_s, **script.options):
                pass
    except DeadlineError:
        return "deadline"
    return "heard"


async def slow_reader(plan: CallPlan, line: Line) -> str:
    """Takes its time with every message."""
    script = line.long_scripts[plan.number % len(line.long_scripts)]
    async with SpeechClient.connect(line.target, channel_options=OWN_CONNECTION) as client:
        heard = b""
        async for audio in client.stream(script.text, **script.options).audio():
            heard += audio.data
            await asyncio.sleep(SLOW_READ_S * len(audio.data) / 4096)
    line.alone.check_stream(script, heard, whole=True)
    return "heard"


async def frozen_reader(plan: CallPlan, line: Line) -> str:
    """Reads nothing for longer than the server has patience, then goes on."""
    script = line.long_scripts[plan.number % len(line.long_scripts)]
    async with SpeechClient.connect(line.target, channel_options=OWN_CONNECTION) as client:
        heard = b""
        try:
            async for audio in client.stream(script.text, **script.options).audio():
                if not heard:
                    await asyncio.sleep(FROZEN_S)
                heard += audio.data
        except AbortedError:
            line.alone.check_stream(script, heard, whole=False)
            return "given up"
    line.alone.check_stream(script, heard, whole=True)
    return "heard"


async def client_killed(plan: CallPlan, line: Line) -> str:
    """A client process dies with its calls (see ``victim``)."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.soak.victim", line.target, str(plan.number)),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    try:
        assert process.stdout is not None
        # Where the server is full or its engine down it may not get to speak: it dies all the same.
        with suppress(TimeoutError):
            async with asyncio.timeout(VICTIM_START_TIMEOUT_S):
                await process.stdout.readline()
        await asyncio.sleep(moment_s(plan.draws().random()))
    finally:
        process.kill()
        await process.wait()
    return "killed"


async def bystander(plan: CallPlan, line: Line) -> str:
    """Looks at the load, the voices, the server."""
    client = line.client(plan)
    watch = client.watch_load(interval_s=0.1)
    for _ in range(int(plan.draws().integers(1, 5))):
        await anext(watch)
    await watch.aclose()
    voices = await client.list_voices()
    await client.get_voice(voices[0].name)
    await client.server_info()
    return "looked"


async def bad_input(plan: CallPlan, line: Line) -> str:
    """Nonsense of one of several sorts, which must be refused as such."""
    rng = plan.draws()
    client = line.client(plan)
    sorts: tuple[tuple[Callable[[], Awaitable[object]], tuple[type[SpeechError], ...]], ...] = (
        (lambda: client.synthesize(""), (InvalidRequestError,)),
        (lambda: client.synthesize("a" * 2_001), (InvalidRequestError,)),
        (lambda: client.synthesize("Hi.", voice="nobody"), (NotFoundError,)),
        (lambda: client.synthesize("Hi.", sample_rate_hz=1), (InvalidRequestError,)),
        (lambda: _first(client, "\x00\x01"), (InvalidRequestError,)),
        (lambda: _first(client, "Hi.", chunk_ms=1.0), (InvalidRequestError,)),
        (lambda: _session(client, "Hi. ", voice="nobody"), (NotFoundError,)),
        (lambda: _session(client, "a" * 20_001), (InvalidRequestError,)),
        (lambda: client.get_voice("nobody"), (NotFoundError,)),
    )
    choice = int(rng.integers(len(sorts) + 3))
    if choice >= len(sorts):
        return await _raw(choice - len(sorts), line.target, float(rng.random()))
    make, expected = sorts[choice]
    try:
        await make()
    except expected:
        return "rejected"
    except OutOfOrderError as error:
        raise UnexpectedError(f"nonsense of sort {choice} was refused with {error!r}") from error
    raise UnexpectedError(f"nonsense of sort {choice} was taken")


async def _first(client: SpeechClient, text: str, **options: Unpack[SpeechOptions]) -> None:
    async for _ in client.stream(text, **options):
        return


async def _session(client: SpeechClient, text: str, **options: Unpack[SpeechOptions]) -> None:
    async with client.session() as session:
        good = session.context(max_utterance_s=0.2)
        await good.append("All right. ")
        await good.finish()
        bad = session.context(**options)
        await bad.append(text)
        try:
            async for _ in bad:
                pass
        finally:
            async for _ in good:  # One context's nonsense is no other's concern.
                pass


async def _raw(sort: int, target: str, draw: float) -> str:
    """What the client library would not send: broken bytes, nothing at all, a method that is not.

    Raises:
        UnexpectedError: It was taken.
    """
    method, wanted = (
        ("Converse", grpc.StatusCode.INVALID_ARGUMENT),
        ("Converse", None),
        ("Nothing", grpc.StatusCode.UNIMPLEMENTED),
    )[sort]
    async with grpc.aio.insecure_channel(target, tuple(OWN_CONNECTION.items())) as channel:
        start: Any = channel.stream_stream(f"{SPEECH_PATH}/{method}")
        if wanted is None:
            return await _silent(start, moment_s(draw))
        noise = np.random.default_rng(int(draw * 1e6)).bytes(40)
        try:
            if wanted is grpc.StatusCode.UNIMPLEMENTED:
                # In one go: a write into a call that is over already would fail before its answer
                # is read, and grpc.aio then says INTERNAL.
                ask: Any = channel.unary_unary(f"{SPEECH_PATH}/{method}")
                await ask(noise)
            else:
                await _read_all(start(_once(noise)))
        except grpc.aio.AioRpcError as error:
            if error.code() is not wanted:
                raise UnexpectedError(
                    f"broken bytes to {method} got {error.code()}: {error.details()}"
                ) from error
            return "rejected"
    raise UnexpectedError("broken bytes were taken")


async def _silent(start: Any, seconds: float) -> str:
    """A call that is opened and says nothing: the server waits a second for what should come."""
    over = asyncio.Event()
    try:
        await cancelled_after(_read_all(start(_silence(over))), seconds)
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.DEADLINE_EXCEEDED:
            raise UnexpectedError(f"silence got {error.code()}: {error.details()}") from error
        return "rejected"
    finally:
        over.set()  # grpc.aio would leave its own reader of the silence waiting for ever
        await asyncio.sleep(0)
    return "said nothing"


async def _read_all(call: AsyncIterable[bytes]) -> None:
    async for _ in call:
        pass


async def _silence(over: asyncio.Event) -> AsyncIterator[bytes]:
    await over.wait()
    return
    yield b""  # what makes it a generator


async def _once(message: bytes) -> AsyncIterator[bytes]:
    yield b"\xff" + message

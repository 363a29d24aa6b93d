"""Two hundred requests of all kinds and ends leave no slot, task, thread or file open."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections import Counter
from pathlib import Path

import grpc

from bark_core.audio import AudioEncoder
from bark_core.speech import SpeechContext
from barkstream.v1 import audio_pb2
from barkstream.v1 import speech_service_pb2 as pb
from barkstream_server.bridge import Bridge
from barkstream_server.call import Call
from barkstream_server.converse.session import Session
from barkstream_server.server import EXECUTOR_THREADS
from barkstream_server.speaker import Speaker
from tests.support.serving import (
    SENTENCE,
    Conversation,
    Served,
    eventually,
    served,
)

REQUESTS = 200
AT_ONCE = 8


async def _one(target: Served, number: int) -> None:
    """One request; the number decides its kind and its end."""
    kind = number % 8
    request = pb.StreamSynthesizeRequest(text=SENTENCE)
    match kind:
        case 0:
            await target.speech.Synthesize(pb.SynthesizeRequest(text=SENTENCE))
        case 1:
            async for _ in target.speech.StreamSynthesize(request):
                pass
        case 2:
            call = target.speech.StreamSynthesize(request)
            await call.read()
            call.cancel()
        case 3:
            wrong = pb.SpeechConfig(audio_format=audio_pb2.AudioFormat(sample_rate_hz=1))
            await target.speech.Synthesize(pb.SynthesizeRequest(text=SENTENCE, config=wrong))
        case 4:
            await target.speech.Synthesize(pb.SynthesizeRequest(text=SENTENCE), timeout=0.002)
        case _:
            talk = Conversation(target.speech.Converse())
            await talk.send(open=pb.OpenSession())
            for context_id in "ab":
                await talk.append(context_id, SENTENCE)
                await talk.send(context_id, flush=pb.FlushText(flush_id="f"))
            if kind == 5:
                await talk.half_close()
                await talk.rest()
            elif kind == 6:
                await talk.until("audio")
                await talk.send("a", cancel=pb.CancelContext())
                await talk.until("cancelled", "a")
                talk.cancel()
            else:
                await talk.send("a b", finish=pb.FinishContext())
                await talk.rest()


async def _all(target: Served) -> None:
    room = asyncio.Semaphore(AT_ONCE)

    async def guarded(number: int) -> None:
        async with room:
            try:
                await _one(target, number)
            except grpc.aio.AioRpcError as error:
                assert error.code() in {  # noqa: PT017 - most calls do not fail
                    grpc.StatusCode.INVALID_ARGUMENT,
                    grpc.StatusCode.DEADLINE_EXCEEDED,
                }, error

    await asyncio.gather(*(guarded(number) for number in range(REQUESTS)))


def _tasks() -> int:
    return len(asyncio.all_tasks())


def _threads() -> int:
    """All but grpc's own, and those of the server's bounded pool, which come when needed."""
    names = [thread.name for thread in threading.enumerate() if "_poll_" not in thread.name]
    pool = [name for name in names if name.startswith("barkstream_")]
    assert len(pool) <= EXECUTOR_THREADS
    return len(names) - len(pool)


def _kept() -> Counter[str]:
    """Our objects of one call that are still there (some of earlier tests may be)."""
    gc.collect()
    kinds = (Bridge, Speaker, Session, Call, SpeechContext, AudioEncoder)
    return Counter(type(item).__name__ for item in gc.get_objects() if type(item) in kinds)


def _open_files() -> int:
    return sum(1 for _ in Path("/dev/fd").iterdir())


async def test_two_hundred_requests_leave_nothing_behind() -> None:
    threads_at_first = _threads()
    async with served(slots=3, max_waiting=200) as target:
        for number in range(8):  # everything that is made once has been made
            try:
                await _one(target, number)
            except grpc.aio.AioRpcError:
                continue
        await target.settled()
        await asyncio.sleep(0.1)
        tasks, threads, files, kept = _tasks(), _threads(), _open_files(), _kept()
        await _all(target)
        await target.settled()
        await eventually(lambda: _tasks() <= tasks)
        assert _threads() <= threads
        assert _open_files() <= files
        # grpc keeps the traceback of its latest abort, and with it that call, until the next one.
        await eventually(lambda: _kept() <= kept + Counter(Call=2))
        assert (await target.speech.Synthesize(pb.SynthesizeRequest(text=SENTENCE))).audio
    await eventually(lambda: _threads() <= threads_at_first)

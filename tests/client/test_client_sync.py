"""The twin without an event loop."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Iterator

import numpy as np
import pytest

import barkstream_client
from barkstream_client import (
    Audio,
    ClosedError,
    Completed,
    NotFoundError,
    OptionError,
    Started,
    SyncSpeechClient,
    UnavailableError,
)
from barkstream_client.loop_thread import LoopThread
from barkstream_client.testing import FakeSpeechServer, tones

TEXT = "Hello there."


@pytest.fixture
def runner() -> Iterator[LoopThread]:
    runner = LoopThread()
    yield runner
    runner.close()


@pytest.fixture
def sync_server(runner: LoopThread) -> Iterator[FakeSpeechServer]:
    server = FakeSpeechServer()
    runner.run(server.start())
    yield server
    runner.run(server.stop())


@pytest.fixture
def sync_client(sync_server: FakeSpeechServer) -> Iterator[SyncSpeechClient]:
    with SyncSpeechClient.connect(sync_server.target) as client:
        yield client


def names() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


def test_unary_calls(sync_client: SyncSpeechClient) -> None:
    sync_client.wait_ready(10)
    speech = sync_client.synthesize(TEXT, timeout_s=10)
    assert np.allclose(speech.pcm(), tones(TEXT, 24_000), atol=1e-4)
    assert sync_client.server_info().model.name == "fake"
    assert len(sync_client.list_voices()) == 3
    loads = sync_client.watch_load(interval_s=0.1)
    assert [next(loads).serving for _ in range(2)] == [True, True]
    loads.close()
    assert sync_client.get_voice("fake/de").language_code == "de"
    with pytest.raises(NotFoundError):
        sync_client.get_voice("nobody")


def test_stream(sync_client: SyncSpeechClient) -> None:
    stream = sync_client.stream(TEXT)
    events = list(stream)
    assert stream.started is events[0]
    assert stream.completed is events[-1]
    pcm = np.concatenate([event.pcm() for event in events if isinstance(event, Audio)])
    assert np.allclose(pcm, tones(TEXT, 24_000), atol=1e-4)
    assert list(stream) == []


def test_leaving_a_stream_ends_the_call(
    runner: LoopThread, sync_server: FakeSpeechServer, sync_client: SyncSpeechClient
) -> None:
    runner.call(sync_server.gate.close)
    with sync_client.stream(TEXT) as stream:
        assert isinstance(next(stream), Started)
    runner.run(sync_server.wait_idle())


def test_converse_takes_a_blocking_iterable(sync_client: SyncSpeechClient) -> None:
    heard = threading.Event()

    def text() -> Iterator[str]:
        yield "Hello "
        yield "there. "
        assert heard.wait(10)  # The first sentence is spoken while this blocks.
        yield "Bye."

    events = []
    for event in sync_client.converse(text()):
        events.append(event)
        if isinstance(event, Audio):
            heard.set()
    assert isinstance(events[-1], Completed)
    with pytest.raises(OptionError):
        sync_client.converse("whole text")


def test_an_error_of_the_text_is_raised(sync_client: SyncSpeechClient) -> None:
    def text() -> Iterator[str]:
        yield "Hello "
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        list(sync_client.converse(text()))


def test_a_text_that_never_comes_does_not_hold_up_the_end(
    runner: LoopThread, sync_server: FakeSpeechServer
) -> None:
    release = threading.Event()

    def text() -> Iterator[str]:
        yield "Hello there. "
        release.wait()
        yield "Too late."

    with SyncSpeechClient.connect(sync_server.target) as client:
        stream = client.converse(text())
        assert isinstance(next(stream), Started)
    runner.run(sync_server.wait_idle())
    release.set()
    for thread in threading.enumerate():
        if thread.name == "barkstream-text":
            thread.join(10)
    assert "barkstream-text" not in names()


def test_nothing_is_taken_from_the_text_once_its_reader_left(
    sync_client: SyncSpeechClient,
) -> None:
    release = threading.Event()
    taken: list[int] = []

    def text() -> Iterator[str]:
        yield "Hello there. "
        release.wait()
        for number in range(1_000):
            taken.append(number)
            yield "More. "

    with sync_client.converse(text()) as stream:
        next(stream)
    release.set()
    for thread in threading.enumerate():
        if thread.name == "barkstream-text":
            thread.join(10)
    assert "barkstream-text" not in names()
    assert len(taken) <= 2
    assert sync_client.synthesize(TEXT).audio


def test_session(sync_client: SyncSpeechClient) -> None:
    with sync_client.session(idle_timeout_s=60) as session:
        assert session.info.max_contexts == 8
        assert session.draining is None
        session.keepalive()
        with session.context("mine", encoding="pcm_f32le") as context:
            context.append(TEXT)
            assert context.flush("f") == "f"
            context.report_playback(0.0)
            context.finish()
            assert isinstance(next(context), Started)
            pcm = np.concatenate([event.pcm() for event in context.audio()])
        assert np.array_equal(pcm, tones(TEXT, 24_000))
        assert isinstance(context.terminal, Completed)
        assert (context.context_id, context.text) == ("mine", TEXT)
        assert context.started is not None
        report = context.cancel(played_s=0.1)
        assert report.text_spoken == "Hello"
        assert session.live_contexts == 0


def test_threads_share_a_client(sync_client: SyncSpeechClient) -> None:
    spoken: dict[int, int] = {}

    def speak(number: int) -> None:
        spoken[number] = sync_client.synthesize("x" * (number + 1)).pcm().size

    threads = [threading.Thread(target=speak, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert spoken == {number: 480 * (number + 1) for number in range(8)}


def test_close_ends_the_thread_and_says_so(sync_server: FakeSpeechServer) -> None:
    before = names()
    client = SyncSpeechClient.connect(sync_server.target)
    client.synthesize(TEXT)
    client.close()
    client.close()
    assert names() == before
    with pytest.raises(ClosedError, match="connect again"):
        client.synthesize(TEXT)


def test_what_is_open_ends_with_its_client(sync_server: FakeSpeechServer) -> None:
    client = SyncSpeechClient.connect(sync_server.target)
    with client.stream(TEXT) as stream, client.session() as session, session.context() as context:
        next(stream)
        context.append(TEXT)
        client.close()
        with pytest.raises(ClosedError):
            context.finish()
    stream.close()  # may be repeated


def test_nobody_there() -> None:
    with SyncSpeechClient.connect("127.0.0.1:1") as client, pytest.raises(UnavailableError):
        client.synthesize(TEXT, timeout_s=20)


@pytest.mark.parametrize("kind", ["Client", "Context", "Session", "Stream"])
def test_the_twin_has_every_method_with_the_same_arguments(kind: str) -> None:
    asynchronous = getattr(barkstream_client, f"Speech{kind}")
    synchronous = getattr(barkstream_client, f"SyncSpeech{kind}")
    # Called by the session, not by users.
    internal = {"receive", "deliver", "fail", "abort", "wait_for_room"}
    renamed = {"aclose": "close"}
    for name, method in vars(asynchronous).items():
        if name.startswith("_") or name in internal or name == "close" or not callable(method):
            continue
        twin = getattr(synchronous, renamed.get(name, name))
        assert list(inspect.signature(twin).parameters) == list(
            inspect.signature(method).parameters
        ), name

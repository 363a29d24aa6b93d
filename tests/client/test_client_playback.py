"""The loudspeaker's buffer, and the loudspeaker without a sound card."""

from __future__ import annotations

import sys
import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barkstream_client import Audio, ClientError, ClosedError, Progress, StartHint
from barkstream_client.playback import Loudspeaker, PlaybackBuffer

RATE_HZ = 1_000


def ramp(samples: int, start: int = 1) -> np.ndarray:
    return np.arange(start, start + samples, dtype=np.float32)


def buffer(prebuffer_s: float | None = 0.0, max_buffer_s: float = 10.0) -> PlaybackBuffer:
    return PlaybackBuffer(RATE_HZ, prebuffer_s, max_buffer_s)


@settings(max_examples=50, deadline=None)
@given(
    feeds=st.lists(st.integers(0, 700), min_size=1, max_size=10),
    takes=st.lists(st.integers(1, 300), min_size=1, max_size=5),
)
def test_what_goes_in_comes_out(feeds: list[int], takes: list[int]) -> None:
    pool, position = buffer(), 1
    for size in feeds:
        pool.feed(ramp(size, position))
        position += size
    pool.complete()
    played: list[float] = []
    turn = 0
    while pool.buffered_s > 0:
        out = pool.take(takes[turn % len(takes)])
        played += [sample for sample in out.tolist() if sample]
        turn += 1
    assert played == ramp(sum(feeds)).tolist()
    assert pool.played_s == pytest.approx(sum(feeds) / RATE_HZ)
    assert pool.underruns == 0


def test_it_waits_for_the_prebuffer() -> None:
    pool = buffer(prebuffer_s=0.1)
    pool.feed(ramp(99))
    assert not pool.take(10).any()
    pool.feed(ramp(1, 100))
    assert pool.take(10).tolist() == ramp(10).tolist()
    assert pool.underruns == 0


def test_short_audio_is_played_without_a_full_prebuffer() -> None:
    pool = buffer(prebuffer_s=0.1)
    pool.feed(ramp(20))
    pool.complete()
    assert pool.take(30).tolist() == [*ramp(20).tolist(), *[0.0] * 10]
    assert pool.underruns == 0


def test_running_dry_is_counted_and_buffers_anew() -> None:
    pool = buffer(prebuffer_s=0.05)
    pool.feed(ramp(50))
    assert np.count_nonzero(pool.take(60)) == 50
    assert pool.underruns == 1
    pool.feed(ramp(49))
    assert not pool.take(10).any()
    pool.feed(ramp(1))
    assert pool.take(10).all()
    assert pool.underruns == 1
    assert pool.played_s == pytest.approx(0.06)


def test_feeding_waits_for_room() -> None:
    pool = buffer(max_buffer_s=0.1)
    feeder = threading.Thread(target=pool.feed, args=(ramp(250),))
    feeder.start()
    played: list[float] = []
    while len(played) < 250:
        assert pool.buffered_s <= 0.1
        played += [sample for sample in pool.take(40).tolist() if sample]
    feeder.join(10)
    assert played == ramp(250).tolist()


def test_stop_is_immediate_and_wakes_everybody() -> None:
    pool = buffer(max_buffer_s=0.1)
    caught: list[BaseException] = []

    def feed() -> None:
        try:
            pool.feed(ramp(250))
        except ClosedError as error:
            caught.append(error)

    feeder = threading.Thread(target=feed)
    feeder.start()
    while pool.buffered_s < 0.1:
        pass
    pool.stop()
    feeder.join(10)
    assert len(caught) == 1
    assert not pool.take(50).any()
    assert pool.wait_empty(0)
    with pytest.raises(ClosedError):
        pool.feed(ramp(1))


class FakeStream:
    """Stands in for sounddevice.OutputStream; the test is the sound card."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self.log: list[str] = []

    def start(self) -> None:
        self.log.append("start")

    def stop(self) -> None:
        self.log.append("stop")

    def abort(self) -> None:
        self.log.append("abort")

    def close(self) -> None:
        self.log.append("close")

    def pull(self, frames: int) -> list[float]:
        out = np.full((frames, 1), 9.0, np.float32)
        self.settings["callback"](out, frames, None, None)
        samples: list[float] = out[:, 0].tolist()
        return samples


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> list[FakeStream]:
    made: list[FakeStream] = []

    def open_stream(**settings: Any) -> FakeStream:
        if settings["device"] == "broken":
            raise RuntimeError("no such device")
        made.append(FakeStream(**settings))
        return made[-1]

    module = SimpleNamespace(OutputStream=open_stream, PortAudioError=RuntimeError)
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    return made


def test_loudspeaker(streams: list[FakeStream]) -> None:
    with Loudspeaker(RATE_HZ, prebuffer_s=0.0) as speaker:
        (stream,) = streams
        assert (stream.settings["samplerate"], stream.settings["channels"]) == (RATE_HZ, 1)
        speaker.feed(ramp(10))
        assert stream.pull(4) == [1, 2, 3, 4]
        assert speaker.played_s == pytest.approx(0.004)
        drainer = threading.Thread(target=speaker.drain)
        drainer.start()
        assert stream.pull(8) == [5, 6, 7, 8, 9, 10, 0, 0]
        drainer.join(10)
        assert stream.log == ["start", "stop"]
    assert stream.log[-1] == "close"
    assert speaker.buffer.underruns == 0


def test_stopping_the_loudspeaker(streams: list[FakeStream]) -> None:
    speaker = Loudspeaker(RATE_HZ)
    speaker.feed(ramp(1_000))
    speaker.stop()
    assert streams[0].log == ["start", "abort"]
    assert streams[0].pull(3) == [0, 0, 0]
    speaker.close()


def test_no_loudspeaker_is_a_clear_error(
    streams: list[FakeStream], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ClientError, match="no such device"):
        Loudspeaker(RATE_HZ, device="broken")
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(ClientError, match="pip install"):
        Loudspeaker(RATE_HZ)


# ---- start hints --------------------------------------------------------------------------------


def test_it_waits_for_what_the_hint_asks_for() -> None:
    pool = buffer(prebuffer_s=None)
    pool.hint(0.3)
    pool.feed(ramp(299))
    assert not pool.take(10).any()
    assert not pool.playing
    assert pool.played_s == 0
    pool.feed(ramp(1, 300))
    assert pool.take(10).tolist() == ramp(10).tolist()
    assert pool.playing
    pool.hint(5.0)  # of no use to one that plays
    assert pool.take(10).all()


def test_without_a_hint_it_waits_a_little() -> None:
    pool = buffer(prebuffer_s=None)
    pool.feed(ramp(199))
    assert not pool.take(10).any()
    pool.feed(ramp(1))
    assert pool.take(10).all()


def test_a_later_hint_replaces_the_one_before() -> None:
    pool = buffer(prebuffer_s=None)
    pool.hint(3.0)
    pool.feed(ramp(50))
    assert not pool.take(10).any()
    pool.hint(0.0)  # no more text is known
    assert pool.take(10).all()


def test_complete_audio_is_played_whatever_was_hinted() -> None:
    pool = buffer(prebuffer_s=None)
    pool.hint(3.0)
    pool.feed(ramp(20))
    pool.complete()
    assert pool.take(20).tolist() == ramp(20).tolist()


@pytest.mark.parametrize(("prebuffer_s", "first"), [(0.0, 10), (0.05, 50)])
def test_a_fixed_buffer_ignores_hints(prebuffer_s: float, first: int) -> None:
    pool = buffer(prebuffer_s=prebuffer_s)
    pool.hint(3.0)
    pool.feed(ramp(first))
    assert pool.take(10).all()


def test_a_hint_is_over_when_it_runs_dry() -> None:
    pool = buffer(prebuffer_s=None)
    pool.hint(0.6)
    pool.feed(ramp(600))
    assert np.count_nonzero(pool.take(700)) == 600
    assert pool.underruns == 1
    pool.feed(ramp(200))
    assert pool.take(10).all()


def test_a_player_does_not_wait_for_more_than_it_has_room_for() -> None:
    pool = buffer(prebuffer_s=None, max_buffer_s=0.4)
    pool.hint(9.0)
    feeder = threading.Thread(target=pool.feed, args=(ramp(1_000),))
    feeder.start()
    played: list[float] = []
    while len(played) < 1_000:
        played += [sample for sample in pool.take(40).tolist() if sample]
        if not feeder.is_alive():
            pool.complete()
    feeder.join(10)
    assert played == ramp(1_000).tolist()


def audio(samples: int, hint: StartHint | None = None) -> Audio:
    data = np.full(samples, 0.5, "<f4").tobytes()
    return Audio(data, "pcm_f32le", RATE_HZ, 0, samples, 0, 0, hint)


def test_the_loudspeaker_goes_by_the_events(streams: list[FakeStream]) -> None:
    with Loudspeaker(RATE_HZ) as speaker:
        (stream,) = streams
        speaker.play(audio(300, StartHint(1.0, 9.0, 2.0)))
        assert not any(stream.pull(10))
        speaker.play(Progress(0, 0, 5, 5, 0.3, 1.0))  # says nothing new
        assert not any(stream.pull(10))
        speaker.play(Progress(0, 0, 5, 5, 0.3, 1.0, StartHint(0.25)))
        assert all(stream.pull(10))
        assert speaker.played_s == pytest.approx(0.01)


def test_stopped_while_it_waits_it_has_played_nothing(streams: list[FakeStream]) -> None:
    speaker = Loudspeaker(RATE_HZ)
    speaker.play(audio(300, StartHint(1.0)))
    assert not any(streams[0].pull(50))
    speaker.stop()
    assert speaker.played_s == 0
    assert not any(streams[0].pull(50))
    speaker.close()

"""Start hints on their way from the engine to the listener, whose clock waits as it does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bark_core.engine.events import AudioReady, UtteranceProgress
from bark_core.engine.request import Pacing
from bark_core.engine.start_hint import StartHint
from bark_core.errors import OutOfOrderError
from bark_core.speech import CancelReport, ContextAudio, ContextProgress
from bark_core.speech.playback import PlaybackClock
from tests.support.speech_script import ManualClock, Opener, Owner

RATE_HZ = 24_000
A, B = "This is the first sentence. ", "Here comes the second one. "
C = "And this is the third one. "
WAITS = Pacing(honours_start_hint=True)


def hint(buffer_s: float) -> StartHint:
    return StartHint(buffer_s, 5.0, 2.0)


def audio(owner: Owner, index: int, seconds: float, told: StartHint | None) -> list[object]:
    name, samples = owner.name(index), round(seconds * RATE_HZ)
    event = AudioReady(name, np.full(samples, 0.5, np.float32), owner.sent[name], told)
    owner.sent[name] += samples
    return list(owner.tell(event))


def hints(events: list[object]) -> list[float | None]:
    kinds = ContextAudio | ContextProgress
    found = [event.start_hint for event in events if isinstance(event, kinds)]
    return [None if one is None else one.buffer_s for one in found]


def test_nothing_is_heard_while_the_listener_waits(
    open_context: Opener, clock: ManualClock
) -> None:
    owner = open_context(pacing=WAITS, fade_s=0.0)
    owner.do(owner.context.append(A + B))
    owner.do(owner.context.finish())
    assert hints(audio(owner, 0, 1.0, hint(2.5))) == [2.5]
    clock.now_s += 5
    (report,) = owner.do(owner.context.cancel())
    assert isinstance(report, CancelReport)
    assert report.played_s == 0
    assert report.text_spoken == ""
    assert report.text_remaining == A + B


def test_it_is_heard_from_the_moment_when_enough_has_come(
    open_context: Opener, clock: ManualClock
) -> None:
    owner = open_context(pacing=WAITS, fade_s=0.0)
    owner.do(owner.context.append(A))
    owner.do(owner.context.finish())
    audio(owner, 0, 1.0, hint(1.5))
    clock.now_s += 5
    audio(owner, 0, 1.0, hint(1.5))
    clock.now_s += 0.75
    (report,) = owner.do(owner.context.cancel())
    assert isinstance(report, CancelReport)
    assert report.played_s == pytest.approx(0.75)


def test_a_hint_of_a_progress_lets_it_start_and_a_heartbeat_repeats_it(
    open_context: Opener, clock: ManualClock
) -> None:
    owner = open_context(pacing=WAITS, fade_s=0.0)
    owner.do(owner.context.append(A))
    owner.do(owner.context.finish())
    audio(owner, 0, 1.0, hint(1.5))
    heartbeat = owner.context.progress()
    assert heartbeat is not None
    assert heartbeat.start_hint == hint(1.5)
    told = owner.tell(UtteranceProgress(owner.name(0), 7, True, 5, 3, 48_000, hint(0.9)))
    assert hints(list(told)) == [0.9]
    clock.now_s += 0.5
    (report,) = owner.do(owner.context.cancel())
    assert isinstance(report, CancelReport)
    assert report.played_s == pytest.approx(0.5)


def test_pauses_that_the_listener_holds_are_no_reason_to_start(open_context: Opener) -> None:
    """The engine, which knows of no pauses, asks for so much speech."""
    owner = open_context(pacing=WAITS, fade_s=0.0, pause_s=0.5)
    owner.do(owner.context.append(A + B + C))
    owner.do(owner.context.finish())
    audio(owner, 0, 1.0, hint(3.0))
    owner.finished(0)
    audio(owner, 1, 0.5, hint(3.0))
    assert hints(audio(owner, 1, 0.5, hint(3.0))) == [3.5]


def test_a_last_sentence_without_sound_does_not_keep_it_waiting(open_context: Opener) -> None:
    owner = open_context(pacing=WAITS, fade_s=0.0)
    owner.do(owner.context.append(A + B))
    owner.do(owner.context.flush())
    audio(owner, 0, 1.0, hint(3.0))
    owner.finished(0)
    assert hints(list(owner.finished(1))) == [0.0]


def test_the_engine_is_told_how_much_text_there_is(open_context: Opener) -> None:
    owner = open_context()
    owner.do(owner.context.append(A + B + C))
    first, second = owner.submitted
    assert first.typical_s == pytest.approx(len(A.strip()) / 14)
    assert first.following_s == pytest.approx(len(B.strip()) / 14)
    # What waits for more text, or for a flush, is not to be waited for.
    assert second.following_s == 0
    owner.do(owner.context.append(A + B))
    owner.do(owner.context.finish())
    owner.finished(0)
    assert owner.submitted[2].following_s == pytest.approx(len((A + B).replace(". ", ".")) / 14)


def test_the_engine_is_told_of_all_of_a_text_that_is_whole(open_context: Opener) -> None:
    owner = open_context()
    owner.do(owner.context.append(A + B + C, final=True))
    first, second = owner.submitted
    assert first.following_s == pytest.approx(len((B + C).replace(". ", ".")) / 14)
    assert second.following_s == pytest.approx(len(C.strip()) / 14)
    with pytest.raises(OutOfOrderError):
        owner.context.append(A)
    for index in range(3):
        audio(owner, index, 1.0, None)
        owner.finished(index)
    assert owner.context.ended


def test_reports_start_a_clock_that_waits() -> None:
    clock = PlaybackClock(RATE_HZ, honours_hints=True)
    clock.sent(RATE_HZ, 10.0)
    clock.hint(5.0, 10.0)
    assert clock.report(0.0, 11.0) == 0
    assert clock.waiting
    assert clock.report(0.25, 12.0) == 0.25
    assert clock.played_s(12.5) == pytest.approx(0.75)


def test_who_honours_no_hints_is_taken_to_play_at_once(
    open_context: Opener, clock: ManualClock
) -> None:
    owner = open_context(pacing=replace(WAITS, honours_start_hint=False), fade_s=0.0)
    owner.do(owner.context.append(A))
    owner.do(owner.context.finish())
    assert hints(audio(owner, 0, 1.0, hint(9.0))) == [9.0]
    clock.now_s += 0.5
    (report,) = owner.do(owner.context.cancel())
    assert isinstance(report, CancelReport)
    assert report.played_s == pytest.approx(0.5)

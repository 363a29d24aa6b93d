"""Interruptions and playback reports: what a context says was heard."""

from __future__ import annotations

import pytest

from bark_core.errors import (
    InvalidRequestError,
)
from bark_core.speech import (
    CancelReport,
)
from tests.support.speech_script import ManualClock, Opener, Owner, spoken

RATE_HZ = 24_000
A = "This is the first sentence. "
B = "Here comes the second one. "
C = "And this is the third one. "
D = "There even is a fourth one. "


def cancelled(owner: Owner, played_s: float | None = None) -> CancelReport:
    owner.do(owner.context.cancel(played_s))
    report = owner.events[-1]
    assert isinstance(report, CancelReport)
    return report


def test_cancel_tells_what_was_heard(open_context: Opener) -> None:
    owner = open_context(fade_s=0.0)
    owner.do(owner.context.append(A + B + C))
    owner.do(owner.context.finish())
    spoken(owner, 0, RATE_HZ)  # 1 s, then 0.1 s of pause
    owner.progress(1, 2 * RATE_HZ)
    owner.audio(1, RATE_HZ)
    report = cancelled(owner, played_s=1.9)  # 0.8 s of 2 s: 40 % of "Here comes the second one."
    assert report.text_spoken == A + "Here comes"
    assert report.text_remaining == " the second one. " + C
    assert report.played_s == pytest.approx(1.9)
    assert report.played_reported
    assert report.audio_sent_s == pytest.approx(2.1)
    assert report.usage.utterances == 2
    assert owner.aborted == [owner.name(1), owner.name(2)]
    assert owner.context.ended
    assert owner.context.idle
    assert owner.do(owner.context.cancel()) == []


@pytest.mark.parametrize(("played_s", "heard"), [(0.0, ""), (1.0, A.strip()), (99.0, A.strip())])
def test_cancel_at_the_ends(open_context: Opener, played_s: float, heard: str) -> None:
    owner = open_context()
    owner.do(owner.context.append(A))
    owner.do(owner.context.flush())
    owner.do(owner.context.append("Not ye"))
    spoken(owner, 0, RATE_HZ)
    report = cancelled(owner, played_s)
    assert report.text_spoken == heard
    assert report.text_spoken + report.text_remaining == A + "Not ye"
    assert report.played_s <= report.audio_sent_s


def test_cancel_guesses_by_the_clock(open_context: Opener, clock: ManualClock) -> None:
    owner = open_context(fade_s=0.0, pause_s=0.0)
    owner.do(owner.context.append(A + B))
    owner.do(owner.context.finish())
    owner.audio(0, RATE_HZ // 2)
    clock.now_s += 5.0  # heard for half a second, then silence
    owner.audio(0, RATE_HZ)
    clock.now_s += 0.25
    report = cancelled(owner)
    assert not report.played_reported
    assert report.played_s == pytest.approx(0.75)


def test_reports_correct_the_clock_and_reach_the_engine(
    open_context: Opener, clock: ManualClock
) -> None:
    owner = open_context(fade_s=0.0, pause_s=0.5)
    owner.do(owner.context.append(A + B))
    owner.do(owner.context.finish())
    spoken(owner, 0, RATE_HZ)
    owner.audio(1, RATE_HZ)
    # 1 s of speech, 0.5 s of a pause that the engine knows nothing of, 0.25 s of speech.
    assert owner.context.report_playback(1.75).played_s == pytest.approx(1.25)
    assert owner.context.report_playback(1.2).played_s == pytest.approx(1.0)
    clock.now_s += 0.1
    assert cancelled(owner).played_s == pytest.approx(1.3)
    assert owner.context.report_playback(2.0).played_s is None


@pytest.mark.parametrize("played_s", [-0.1, float("nan"), float("inf")])
def test_a_playback_that_is_no_time_is_refused(open_context: Opener, played_s: float) -> None:
    owner = open_context()
    with pytest.raises(InvalidRequestError):
        owner.context.report_playback(played_s)
    with pytest.raises(InvalidRequestError):
        owner.context.cancel(played_s)
    assert not owner.context.ended

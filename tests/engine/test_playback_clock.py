"""Where the listener is."""

import math

import pytest

from bark_core.engine.playback import PlaybackClock


def test_nothing_delivered() -> None:
    clock = PlaybackClock()
    assert clock.lead_s(5.0) == 0
    assert clock.dry_at_s(5.0) == -math.inf


def test_plays_from_the_first_audio_on() -> None:
    clock = PlaybackClock()
    clock.deliver(2.0, 10.0)
    assert clock.lead_s(10.0) == 2.0
    assert clock.lead_s(11.5) == pytest.approx(0.5)
    assert clock.dry_at_s(11.5) == pytest.approx(12.0)
    assert clock.falls_to_s(0.25, 11.5) == pytest.approx(11.75)


def test_waits_in_silence_where_it_ran_dry() -> None:
    clock = PlaybackClock()
    clock.deliver(1.0, 10.0)
    assert clock.dry_at_s(15.0) == pytest.approx(11.0)
    assert clock.lead_s(15.0) == 0
    clock.deliver(1.0, 15.0)
    assert clock.lead_s(15.0) == pytest.approx(1.0)
    assert clock.dry_at_s(15.5) == pytest.approx(16.0)


def test_reports_correct_it_both_ways() -> None:
    clock = PlaybackClock()
    clock.deliver(3.0, 10.0)
    clock.report(0.5, 11.0)
    assert clock.dry_at_s(11.0) == pytest.approx(13.5)
    clock.report(2.5, 11.6)
    assert clock.dry_at_s(11.6) == pytest.approx(12.1)


@pytest.mark.parametrize(("said", "believed"), [(-1.0, 0.0), (99.0, 3.0)])
def test_nonsense_is_bounded(said: float, believed: float) -> None:
    clock = PlaybackClock()
    clock.deliver(3.0, 10.0)
    clock.report(said, 10.0)
    assert clock.lead_s(10.0) == pytest.approx(3.0 - believed)


def test_what_is_no_number_is_ignored() -> None:
    clock = PlaybackClock()
    clock.deliver(3.0, 10.0)
    clock.report(math.nan, 11.0)
    assert clock.dry_at_s(11.0) == pytest.approx(13.0)
    assert clock.lead_s(12.0) == pytest.approx(1.0)


def test_a_paused_player_never_runs_dry() -> None:
    clock = PlaybackClock()
    clock.deliver(3.0, 10.0)
    clock.report(0.4, 10.5)
    clock.report(0.4, 10.6)  # too soon to call it a pause
    assert clock.dry_at_s(10.6) == pytest.approx(13.2)
    clock.report(0.4, 11.1)
    assert clock.dry_at_s(11.1) == math.inf
    assert clock.lead_s(20.0) == pytest.approx(2.6)
    clock.report(0.5, 20.0)
    assert clock.dry_at_s(20.0) == pytest.approx(22.5)


def test_a_player_that_heard_everything_is_not_paused() -> None:
    clock = PlaybackClock()
    clock.deliver(1.0, 10.0)
    for moment in (11.0, 12.0, 13.0):
        clock.report(1.0, moment)
    assert clock.dry_at_s(13.0) <= 11.0
    clock.deliver(1.0, 13.0)
    assert clock.dry_at_s(13.0) == pytest.approx(14.0)


def test_one_who_honours_hints_waits_until_it_holds_enough() -> None:
    clock = PlaybackClock()
    clock.deliver(1.0, 10.0, honours_hints=True)
    clock.hint(2.5, 10.0)
    assert clock.waiting
    assert clock.lead_s(14.0) == 1.0
    assert clock.dry_at_s(14.0) == pytest.approx(15.0)  # as if it started now
    clock.deliver(1.0, 15.0, honours_hints=True)
    clock.hint(2.5, 15.0)
    assert clock.waiting
    clock.deliver(1.0, 16.0, honours_hints=True)
    clock.hint(2.4, 16.0)
    assert not clock.waiting
    assert clock.lead_s(17.0) == pytest.approx(2.0)
    # It ran dry at 19: what comes then is waited with again.
    clock.deliver(0.5, 20.0, honours_hints=True)
    assert clock.waiting
    clock.hint(0.0, 20.0)
    assert clock.dry_at_s(20.0) == pytest.approx(20.5)


def test_a_hint_does_not_stop_one_who_plays() -> None:
    clock = PlaybackClock()
    clock.deliver(2.0, 10.0)
    clock.hint(9.0, 10.5)
    assert not clock.waiting
    assert clock.lead_s(11.0) == pytest.approx(1.0)


def test_reports_of_one_who_waits_are_no_pause_and_show_when_it_starts() -> None:
    clock = PlaybackClock()
    clock.deliver(2.0, 10.0, honours_hints=True)
    clock.hint(5.0, 10.0)
    for moment in (10.2, 10.8, 13.0):
        clock.report(0.0, moment)
        assert clock.waiting
        assert clock.dry_at_s(moment) == pytest.approx(moment + 2.0)
    clock.report(0.3, 13.5)  # it would not wait so long
    assert not clock.waiting
    assert clock.dry_at_s(13.5) == pytest.approx(15.2)

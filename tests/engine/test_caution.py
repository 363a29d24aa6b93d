"""Planning learns from those who ran dry, where what was measured is not all that happens."""

from __future__ import annotations

import pytest

from bark_core.engine import caution
from bark_core.engine.caution import HALF_LIFE_S, LONG_S, MOST, STEP, Caution
from tests.support.rush import Rush


def test_every_listener_who_runs_dry_counts_and_is_forgotten_slowly() -> None:
    learned = Caution(0.25)
    assert learned.headroom(10.0) == 0.25
    learned.ran_dry(10.0, fed=3, silent_s=0.2)
    assert learned.headroom(10.0) == pytest.approx(0.25 + STEP)
    assert learned.headroom(10.0 + HALF_LIFE_S) == pytest.approx(0.25 + STEP / 2)
    learned.ran_dry(10.0 + HALF_LIFE_S, fed=2, silent_s=0.2)
    assert learned.headroom(10.0 + HALF_LIFE_S) == pytest.approx(0.25 + 1.5 * STEP)


def test_a_short_silence_counts_for_less() -> None:
    learned = Caution(0.25)
    learned.ran_dry(10.0, fed=2, silent_s=LONG_S / 4)
    assert learned.headroom(10.0) == pytest.approx(0.25 + STEP / 4)


def test_something_is_always_planned_for_somebody() -> None:
    learned, strict = Caution(0.25), Caution(0.9)
    for moment in range(50):
        learned.ran_dry(float(moment), fed=2, silent_s=0.2)
        strict.ran_dry(float(moment), fed=2, silent_s=0.2)
    assert learned.headroom(50.0) <= MOST
    assert strict.headroom(1e6) == pytest.approx(0.9)
    assert strict.headroom(50.0) <= 0.9 + 1e-9


def test_nobody_is_to_blame_where_one_alone_runs_dry() -> None:
    learned = Caution(0.25)
    learned.ran_dry(1.0, fed=1, silent_s=0.2)
    assert learned.headroom(1.0) == 0.25


def test_where_others_use_the_machine_silences_are_shorter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Much of the time goes to something else, in pieces that no mean cost tells."""

    def rush(seed: int) -> Rush:
        crowd = Rush()
        simulation = crowd.simulation

        def something_else() -> None:
            simulation.now_s += 0.1

        for number in range(180):
            simulation.at(simulation.now_s + 1 + 0.25 * number, something_else)
        crowd.rush(3 * 5 / 3.8, 30.0, seed)
        return crowd

    def all_of(crowds: list[Rush]) -> tuple[float, float]:
        silent_s = sum(sum(crowd.silences().values()) for crowd in crowds)
        return silent_s, sum(crowd.spoken_s() for crowd in crowds)

    careful_silent_s, careful_spoken_s = all_of([rush(seed) for seed in (1, 2)])
    monkeypatch.setattr(caution, "STEP", 0.0)
    careless_silent_s, careless_spoken_s = all_of([rush(seed) for seed in (1, 2)])
    # Most of them are of newcomers' second pieces, which fewer newcomers make no longer.
    assert careful_silent_s < 0.95 * careless_silent_s
    assert careful_spoken_s > 0.6 * careless_spoken_s

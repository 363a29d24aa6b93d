"""Slots pass from those that have ended to those that wait, though no command comes in between."""

import pytest

from bark_core.backends.fake import FakeScript
from tests.support.requests import request
from tests.support.simulation import SPEECH_COSTS, Simulation


@pytest.mark.parametrize("slots", [1, 2])
@pytest.mark.parametrize("nothing", ["semantic_tokens", "forced_semantic_tokens"])
def test_one_that_ends_without_a_batch(slots: int, nothing: str) -> None:
    simulation = Simulation(slots=slots)
    given = {"semantic_tokens": ()} if nothing == "semantic_tokens" else {nothing: 0}
    for i in range(4):
        simulation.submit(request(f"nothing {i}", stream_id="s", index=i, **given))
    simulation.submit(request("a", stream_id="s", index=4, carry_on=True))
    simulation.run()
    for i in range(4):
        assert simulation.finished(f"nothing {i}").report.samples == 0
    assert simulation.finished("a").report.samples > 0


def test_one_made_ahead_that_came_to_nothing() -> None:
    """It ends when its turn in the stream comes, and lets the next one begin."""
    simulation = Simulation(slots=2, script=FakeScript(lengths=(30, 0, 30), costs=SPEECH_COSTS))
    for i in range(3):
        simulation.submit(request(f"s{i}", stream_id="s", index=i, carry_on=i == 2))
    simulation.run()
    assert simulation.finished("s1").report.samples == 0
    assert simulation.finished("s2").report.samples > 0

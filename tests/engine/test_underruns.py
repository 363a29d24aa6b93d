"""Silences that a listener in real time would have heard are counted."""

from __future__ import annotations

import pytest

from bark_core.backends.fake import FakeScript
from bark_core.backends.fake.script import Cost
from tests.support.requests import request
from tests.support.simulation import SPEECH_COSTS, Simulation


def test_a_quick_model_leaves_nobody_in_silence() -> None:
    simulation = Simulation()
    simulation.submit(request(text_ids=40))
    simulation.run()
    assert simulation.underruns_s("a") == 0
    assert simulation.finished("a").report.underruns == 0


def test_a_model_slower_than_real_time_leaves_silences() -> None:
    slow = (*SPEECH_COSTS[:3], ("CoarseStep", Cost(0.02, 0.0)), *SPEECH_COSTS[4:])
    simulation = Simulation(script=FakeScript(costs=slow))
    simulation.submit(request(text_ids=40))
    simulation.run()
    assert simulation.underruns_s("a") > 1
    assert simulation.finished("a").report.underruns > 1


@pytest.mark.parametrize("pause_s", [0.0, 5.0])
def test_a_pause_between_utterances_is_none(pause_s: float) -> None:
    """The caller had nothing to say: nobody waited for the engine."""
    simulation = Simulation()
    simulation.submit(request("a", stream_id="s", text_ids=4))
    simulation.run(until_s=110.0)
    simulation.run(until_s=110.0 + pause_s)
    simulation.submit(request("b", stream_id="s", index=1, text_ids=4))
    simulation.run()
    assert simulation.finished("b").report.underruns == 0

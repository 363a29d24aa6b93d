"""Who else wants to be fed, and what that means for when a player may start."""

from __future__ import annotations

from bark_core.backends.base import BackendLimits
from bark_core.engine.company import Company
from bark_core.engine.costs import MeasuredCosts
from bark_core.engine.hinting import Hinting
from bark_core.engine.length import LengthMeter
from bark_core.engine.machine_time import Spent
from bark_core.engine.pipeline import Pipeline
from bark_core.engine.stream import Stream
from bark_core.engine.utterance import Utterance
from bark_core.engine.work import Work
from tests.support.requests import request
from tests.support.simulation import CONFIG


def test_those_who_run_dry_sooner_are_served_first() -> None:
    company = Company([3.0, 1.0, 2.0])
    assert company.fed == 3
    assert company.due_by(2.0) == 2
    assert company.due_by(9.0) == 3
    assert company.due_by(0.5) == 1, "the listener itself"
    assert Company().due_by(1.0) == 1


def test_a_newcomer_waits_for_those_only_who_have_less_in_hand() -> None:
    costs = MeasuredCosts(BackendLimits(4, 4, 1, 1, 1))
    for work in Work:
        costs.add(work, 1, 1, Spent(0.0, 0.004, 0.004, 0.004))
    asked = request("a", semantic_tokens=(1,) * 60)
    utterance = Utterance(asked, Stream("s"), 0.0)
    utterance.stream.utterances.append(utterance)
    utterance.pipeline = Pipeline(CONFIG, asked, None)
    hinting = Hinting(CONFIG, LengthMeter(CONFIG), costs)

    def soon_s(*others_s: float) -> float:
        return hinting.hint(utterance, 0.2, 0.0, Company([0.2, *others_s])).soon_s

    alone, among_rich, among_poor = soon_s(), soon_s(5.0, 5.0, 5.0), soon_s(0.1, 0.1, 0.1)
    assert alone <= among_rich < among_poor
    assert soon_s(0.1, 5.0, 5.0) < among_poor

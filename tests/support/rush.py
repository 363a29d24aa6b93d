"""People who come to an engine in pretended time, faster than they can be fed."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from bark_core.backends.fake import FakeScript
from bark_core.engine.costs import MeasuredCosts
from bark_core.engine.doorkeeper import Doorkeeper
from bark_core.engine.events import AudioReady
from bark_core.engine.interface import EngineLimits
from bark_core.engine.warmup import warm_up
from bark_core.errors import CapacityError, DeadlineError
from tests.support.requests import request
from tests.support.simulation import CONFIG, SPEECH_COSTS, Simulation, limits

SLOTS = 8
SCRIPT = FakeScript(costs=SPEECH_COSTS, tokens_per_text_id=19)
LIMITS = EngineLimits(max_waiting=8, measured_places=True, max_wait_s=5.0)


def measured() -> MeasuredCosts:
    """What a warm-up of the pretended model finds out."""
    before = Simulation(slots=SLOTS, script=SCRIPT)
    return warm_up(before.backend, before.config, lambda: before.now_s)


def rehearsed(lanes: int) -> MeasuredCosts:
    """The same of one that runs batches side by side."""
    costs = MeasuredCosts(replace(limits(SLOTS), lanes=lanes))
    for speakers in (1, SLOTS):
        simulation = Simulation(slots=SLOTS, script=SCRIPT, costs=costs, lanes=lanes)
        for number in range(speakers):
            simulation.submit(request(str(number), text_ids=4, seed=number))
        simulation.run()
    return costs


@dataclass
class Rush:
    """People who come to a pretended engine, and what becomes of them."""

    bounds: EngineLimits = LIMITS
    lanes: int = 1
    let_in: list[str] = field(default_factory=list)
    refused: list[CapacityError | DeadlineError] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.simulation = Simulation(
            slots=SLOTS,
            script=SCRIPT,
            bounds=self.bounds,
            costs=measured() if self.lanes == 1 else rehearsed(self.lanes),
            lanes=self.lanes,
        )
        self.door = Doorkeeper(self.bounds)
        self.simulation.on_report = self._learn
        self._learn(self.simulation.loop.first_report())

    def _learn(self, report: Any) -> None:
        if report.outlook is not None:
            self.door.learn(report.outlook)

    def come(self, name: str, **fields: Any) -> None:
        """Somebody comes now, and is told at once."""
        asked = request(name, **fields)
        try:
            self.door.check(asked, self.simulation.now_s)
        except (CapacityError, DeadlineError) as error:
            self.refused.append(error)
            return
        self.door.sent(asked)
        self.simulation.submit(asked)
        self.let_in.append(name)

    def rush(self, rate_per_s: float, seconds: float, seed: int) -> None:
        rng = random.Random(seed)
        at_s = self.simulation.now_s
        until_s = at_s + seconds
        number = 0
        while (at_s := at_s + rng.expovariate(rate_per_s)) < until_s:
            ids = rng.randint(4, 16)
            name = f"{number}"
            self.simulation.at(at_s, partial(self.come, name, text_ids=ids))
            number += 1
        self.simulation.run()

    def silences(self) -> dict[str, float]:
        """Of those who were spoken to, longer than what floats round."""
        found = {name: self.simulation.underruns_s(name) for name in self.let_in}
        return {name: silent_s for name, silent_s in found.items() if silent_s > 1e-6}

    def spoken_s(self) -> float:
        return sum(
            len(event.pcm) / CONFIG.sample_rate_hz
            for _, event in self.simulation.events
            if isinstance(event, AudioReady)
        )

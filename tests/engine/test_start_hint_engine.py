"""Start hints of the engine, in pretended time: players that honour them do not run dry."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bark_core.backends.base import BackendLimits
from bark_core.backends.fake import Cost, FakeScript
from bark_core.engine.company import Company
from bark_core.engine.costs import MeasuredCosts
from bark_core.engine.events import AudioReady, Event, UtteranceFinished, UtteranceProgress
from bark_core.engine.hinting import Hinting
from bark_core.engine.length import LengthMeter
from bark_core.engine.machine_time import Spent
from bark_core.engine.pipeline import Pipeline
from bark_core.engine.request import Pacing, UtteranceRequest
from bark_core.engine.start_hint import StartHint
from bark_core.engine.stream import Stream
from bark_core.engine.utterance import Utterance
from bark_core.engine.work import Work
from bark_core.options import ExactWindows, LowLatencyWindows, WindowPolicy
from tests.support.requests import random_voice, request
from tests.support.simulation import CONFIG, SPEECH_COSTS, Simulation

WAITS = Pacing(honours_start_hint=True)
# The fake says 12 semantic tokens for an id: this is what its texts "usually" take.
TYPICAL_S = 12 / CONFIG.semantic.rate_hz


def slower(factor: float) -> tuple[tuple[str, Cost], ...]:
    return tuple(
        (name, Cost(cost.batch_s * factor, cost.row_s * factor)) for name, cost in SPEECH_COSTS
    )


def waiting(name: str = "a", text_ids: int = 20, **fields: object) -> UtteranceRequest:
    made = request(name, text_ids, **{"pacing": WAITS, **fields})
    return replace(made, typical_s=text_ids * TYPICAL_S)


@dataclass
class Player:
    """Plays the utterances of one stream; silent, it waits for the latest hint."""

    buffer_s: float | None = None
    started_s: float | None = None
    dry_at_s: float | None = None
    held_s: float = 0.0
    silences: int = 0
    silent_s: float = 0.0

    def hears(self, now_s: float, event: Event) -> None:
        dry = self.dry_at_s is not None and now_s > self.dry_at_s + 1e-9
        if dry and isinstance(event, AudioReady):
            assert self.dry_at_s is not None
            self.silences += 1
            self.silent_s += now_s - self.dry_at_s
            self.dry_at_s = None
        hint: StartHint | None = None
        if isinstance(event, AudioReady | UtteranceProgress):
            hint = event.start_hint
        if isinstance(event, AudioReady):
            length_s = event.pcm.size / CONFIG.sample_rate_hz
            if self.dry_at_s is None:
                self.held_s += length_s
            else:
                self.dry_at_s += length_s
        if hint is not None:
            self.buffer_s = hint.buffer_s
        told = self.buffer_s is not None and self.held_s >= self.buffer_s
        if self.dry_at_s is None and self.held_s and told:
            self.started_s = self.started_s or now_s
            self.dry_at_s = now_s + self.held_s
            self.held_s = 0.0


def listen(simulation: Simulation, *names: str) -> Player:
    """Play what came; the last utterance's end ends all waiting."""
    player = Player()
    for now_s, event in simulation.events:
        if event.utterance_id in names:
            player.hears(now_s, event)
            if isinstance(event, UtteranceFinished) and event.utterance_id == names[-1]:
                assert player.held_s == 0, "the player never started"
    return player


def least_wait_s(simulation: Simulation, *names: str) -> float:
    """The earliest start, after the first audio, of a player who knows the future."""
    heard_s, first_s, start_s = 0.0, None, 0.0
    for now_s, event in simulation.events:
        if event.utterance_id in names and isinstance(event, AudioReady):
            first_s = now_s if first_s is None else first_s
            start_s = max(start_s, now_s - first_s - heard_s)
            heard_s += event.pcm.size / CONFIG.sample_rate_hz
    return start_s


@settings(max_examples=25, deadline=None)
@given(
    factor=st.floats(1.0, 16.0),
    text_ids=st.integers(3, 30),
    windows=st.sampled_from([LowLatencyWindows(), ExactWindows()]),
    prompt=st.booleans(),
    lanes=st.sampled_from([1, 2]),
)
def test_a_player_that_waits_never_runs_dry_and_waits_little_more_than_it_must(
    factor: float, text_ids: int, windows: WindowPolicy, lanes: int, *, prompt: bool
) -> None:
    simulation = Simulation(script=FakeScript(costs=slower(factor)), lanes=lanes)
    voice = random_voice(CONFIG, 350, 526) if prompt else None
    simulation.submit(waiting(text_ids=text_ids, windows=windows, voice=voice))
    simulation.run()
    player = listen(simulation, "a")
    assert player.silences == 0
    assert simulation.finished("a").report.underruns == 0
    assert player.started_s is not None
    waited_s = player.started_s - simulation.first_audio_s("a")
    # More than needed: the margin and the pessimism about the length, of the whole; and a chunk.
    total_s = simulation.finished("a").report.total_s
    assert waited_s <= least_wait_s(simulation, "a") + 0.35 * total_s + factor * 0.35


def experienced(factor: float) -> Simulation:
    """An engine that has seen how long the speech of this model is."""
    simulation = Simulation(script=FakeScript(costs=slower(factor)))
    for number in range(12):
        simulation.submit(waiting(f"before-{number}", 4))
        simulation.run()
    return simulation


def test_the_wait_on_a_slow_machine_is_what_the_rate_asks_for() -> None:
    simulation = experienced(8.0)
    simulation.submit(waiting(text_ids=40))
    simulation.run()
    report = simulation.finished("a").report
    audio_s = report.samples / CONFIG.sample_rate_hz
    rate = report.total_s / audio_s
    assert rate > 1.8
    player = listen(simulation, "a")
    assert player.started_s is not None
    assert player.silences == 0
    waited_s = player.started_s - simulation.first_audio_s("a")
    assert waited_s > audio_s * (rate - 1) * 0.8
    assert waited_s < audio_s * (rate - 1) * 1.3


def test_who_does_not_wait_runs_dry_there() -> None:
    simulation = Simulation(script=FakeScript(costs=slower(6.0)))
    simulation.submit(request(text_ids=40))
    simulation.run()
    assert simulation.underruns_s("a") > 3
    assert simulation.finished("a").report.underruns > 3
    hints = [e.start_hint for e in simulation.of("a") if isinstance(e, AudioReady)]
    # It is told all the same, whenever it has nothing to play.
    assert hints[0] is not None
    assert hints[0].buffer_s > 3
    assert hints[0].expected_audio_s > 5


def test_a_quick_machine_starts_with_the_first_chunk_and_is_told_once() -> None:
    simulation = experienced(0.9)
    simulation.submit(waiting(text_ids=40))
    simulation.run()
    hints = [e.start_hint for e in simulation.of("a") if isinstance(e, AudioReady)]
    assert hints[0] is not None
    assert hints[0].buffer_s <= 0.2
    assert hints[0].wait_s == 0
    assert hints[1:] == [None] * len(hints[1:])


def test_the_same_player_waits_for_all_sentences_of_a_text_that_are_known() -> None:
    """Two are in the engine, the others are announced by their length."""
    simulation = experienced(6.0)
    names = ("a", "b", "c", "d")
    following_s = [20 * TYPICAL_S * rest for rest in (3, 2, 1, 0)]
    requests = [
        replace(waiting(name, stream_id="s", index=index), following_s=following_s[index])
        for index, name in enumerate(names)
    ]
    for one in requests[:2]:
        simulation.submit(one)

    def submit_next(index: int) -> None:
        if any(isinstance(e, UtteranceFinished) for e in simulation.of(names[index - 2])):
            simulation.submit(requests[index])
        else:
            simulation.at(simulation.now_s + 0.05, lambda: submit_next(index))

    simulation.at(simulation.now_s, lambda: submit_next(2))
    simulation.at(simulation.now_s, lambda: submit_next(3))
    simulation.run()
    player = listen(simulation, *names)
    assert player.silences == 0
    assert player.started_s is not None
    waited_s = player.started_s - simulation.first_audio_s("a")
    least_s = least_wait_s(simulation, *names)
    assert least_s > 7
    audio_s = sum(simulation.pcm(name).size for name in names) / CONFIG.sample_rate_hz
    assert waited_s < least_s + 0.25 * audio_s  # of the margin, which is a tenth of the whole


@pytest.mark.parametrize("neighbours", [1, 3])
@pytest.mark.parametrize("lanes", [1, 2])
def test_neighbours_are_reckoned_with(neighbours: int, lanes: int) -> None:
    names = [f"n{number}" for number in range(neighbours)]
    script = FakeScript(costs=slower(4.0))
    simulation = Simulation(slots=1 + neighbours, script=script, lanes=lanes)
    # They have been speaking for a while.
    for name in names:
        simulation.submit(waiting(name, 60, seed=3))
    simulation.run(until_s=simulation.now_s + 15)
    simulation.submit(waiting("a", 20))
    simulation.run()
    player = listen(simulation, "a")
    assert player.started_s is not None
    assert player.silent_s < 1.0  # shares are reckoned as equal, and are not
    waited_s = player.started_s - simulation.first_audio_s("a")
    assert waited_s <= 2 * least_wait_s(simulation, "a") + 3


def test_a_lead_that_is_never_given_is_never_asked_for() -> None:
    pacing = Pacing(max_lead_s=1.0, honours_start_hint=True)
    simulation = Simulation(script=FakeScript(costs=slower(6.0)))
    simulation.submit(waiting(text_ids=40, pacing=pacing))
    simulation.run()
    hints = [e.start_hint for e in simulation.of("a") if isinstance(e, AudioReady)]
    assert max(hint.buffer_s for hint in hints if hint) <= 0.9
    listen(simulation, "a")
    assert simulation.finished("a").report.underruns > 0


def test_among_others_the_batch_that_has_begun_is_waited_for() -> None:
    """Nothing costs anything but a prefill, and it is somebody else's."""
    costs = MeasuredCosts(BackendLimits(4, 4, 1, 1, 1))
    costs.add(Work.SEMANTIC_PREFILL, 1, 1, Spent(0.0, 0.3, 0.3, 0.3))
    asked = request("a", semantic_tokens=(1,) * 60)
    utterance = Utterance(asked, Stream("s"), 0.0)
    utterance.stream.utterances.append(utterance)
    utterance.pipeline = Pipeline(CONFIG, asked, None)
    hinting = Hinting(CONFIG, LengthMeter(CONFIG), costs)
    assert hinting.hint(utterance, 0.2, 0.0, Company([0.2])).delay_s == 0
    assert hinting.hint(utterance, 0.2, 0.0, Company([0.2, 5.0])).delay_s == pytest.approx(0.1)

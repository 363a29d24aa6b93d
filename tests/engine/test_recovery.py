"""Batches that fail: only the one to blame ends, nobody else hears a difference."""

import random
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from bark_core.backends.fake import Effect, FakeScript, Fault
from bark_core.engine.recovery import MAX_FAILURES_IN_A_ROW, BackendBrokenError
from bark_core.engine.request import Pacing
from bark_core.errors import EngineFailureError
from tests.support.requests import request
from tests.support.simulation import SPEECH_COSTS, Simulation

POISON = 999
BATCHES = [
    "SemanticPrefill", "SemanticStep", "CoarsePrefill", "CoarseStep", "FinePass", "CodecDecode",
]  # fmt: skip


def crowd(
    *faults: Fault, poisoned: bool = True, lanes: int = 1, jitter: random.Random | None = None
) -> Simulation:
    """Three innocent utterances, and one whose text holds the poison."""
    script = FakeScript(costs=SPEECH_COSTS, faults=faults)
    simulation = Simulation(slots=4, script=script, lanes=lanes, jitter=jitter)
    for name in "abc":
        simulation.submit(request(name, text_ids=6, seed=ord(name), pacing=Pacing(2.0)))
    if poisoned:
        simulation.submit(request("poisoned", text_ids=(POISON, 1, 2, 3)))
    simulation.run()
    return simulation


Run = Callable[..., Simulation]


@pytest.fixture(params=[1, 2, 4])
def lanes(request: pytest.FixtureRequest) -> int:
    """All of it holds however many batches run side by side."""
    count: int = request.param
    return count


@pytest.fixture
def run(lanes: int) -> Run:
    """A crowd whose batches end in some order."""
    return partial(crowd, lanes=lanes, jitter=random.Random(lanes))


@pytest.fixture(scope="module")
def healthy() -> Simulation:
    """Nobody fails, and nothing runs side by side."""
    return crowd()


def assert_innocent(simulation: Simulation, healthy: Simulation, names: str = "abc") -> None:
    for name in names:
        report = simulation.finished(name).report
        assert report.samples == healthy.finished(name).report.samples
        assert simulation.pcm(name).tobytes() == healthy.pcm(name).tobytes()
    scheduler = simulation.loop._scheduler
    assert (scheduler.running, scheduler.waiting, scheduler.slots.free) == (0, 0, 4)


@pytest.mark.parametrize("batch", [b for b in BATCHES if b != "FinePass"])
@pytest.mark.parametrize("at", [0, 5])
def test_one_poisoned_row_ends_alone(run: Run, healthy: Simulation, batch: str, at: int) -> None:
    """It fails wherever it is met from its n-th batch of a kind on (fine rows carry no text)."""
    nth = {"SemanticPrefill": 0, "CoarsePrefill": min(at, 2), "CodecDecode": min(at, 1)}
    simulation = run(
        Fault(Effect.RAISE, batch, text_id=POISON, at=nth.get(batch, at * 10), times=1),
        # After its first strike it strikes every time.
        Fault(Effect.RAISE, batch, text_id=POISON, step=None, times=0),
    )
    # A single strike is forgiven to everybody: the batch is made again, alone.
    simulation.finished("poisoned")
    assert_innocent(simulation, healthy)
    simulation = run(Fault(Effect.RAISE, batch, text_id=POISON))
    assert isinstance(simulation.failed("poisoned").error, EngineFailureError)
    assert_innocent(simulation, healthy)


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("at", [0, 40])
def test_a_passing_fault_is_noticed_by_nobody(
    run: Run, healthy: Simulation, batch: str, at: int
) -> None:
    simulation = run(Fault(Effect.RAISE, batch, at=at if "Step" in batch else min(at, 3), times=1))
    assert_innocent(simulation, healthy)
    simulation.finished("poisoned")


def test_audio_that_was_sent_is_not_sent_again(run: Run, healthy: Simulation) -> None:
    simulation = run(Fault(Effect.RAISE, "CoarseStep", step=200, times=1))
    assert simulation.executed != healthy.executed
    assert_innocent(simulation, healthy)


def test_after_its_proof_of_innocence_a_row_shares_batches_again(run: Run) -> None:
    simulation = run(Fault(Effect.RAISE, "SemanticStep", at=2, times=1), poisoned=False)
    assert max(simulation.widths("CoarseStep")) > 1


def test_two_poisoned_ones_do_not_make_the_back_end_broken(lanes: int, healthy: Simulation) -> None:
    simulation = Simulation(
        slots=4,
        lanes=lanes,
        script=FakeScript(
            costs=SPEECH_COSTS, faults=(Fault(Effect.RAISE, "CoarseStep", text_id=POISON),)
        ),
    )
    for name in "ab":
        simulation.submit(request(name, text_ids=6, seed=ord(name), pacing=Pacing(2.0)))
        simulation.submit(request(f"poisoned {name}", text_ids=(POISON, 1, 2, 3)))
    simulation.run()
    assert_innocent(simulation, healthy, "ab")
    for name in "ab":
        simulation.failed(f"poisoned {name}")


def test_a_back_end_that_fails_whatever_it_is_given_is_broken(run: Run) -> None:
    with pytest.raises(BackendBrokenError):
        run(Fault(Effect.RAISE, "CoarseStep"))
    assert MAX_FAILURES_IN_A_ROW == 3


def test_audio_that_is_not_finite_fails_only_its_own_utterance(
    run: Run, healthy: Simulation
) -> None:
    simulation = run(Fault(Effect.NOT_FINITE, "CodecDecode", text_id=POISON, at=1))
    error = simulation.failed("poisoned").error
    assert isinstance(error, EngineFailureError)
    assert "finite" in error.message
    assert np.isfinite(simulation.pcm("poisoned")).all()
    assert_innocent(simulation, healthy)


def test_messages_do_not_carry_what_the_back_end_said(run: Run) -> None:
    """An exception's text may hold anything; the caller gets its type."""
    error = run(Fault(Effect.RAISE, "SemanticStep", text_id=POISON)).failed("poisoned").error
    assert "RuntimeError" in error.message
    assert "scripted" not in error.message

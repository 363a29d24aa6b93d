"""A step's logits do not depend on who else is in the batch, bit for bit, in any precision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bark_core.backends.onnx.causal import CausalStage
from bark_core.backends.onnx.session import GraphDirectory
from bark_core.config import BarkConfig
from bark_core.errors import EngineFailureError
from tests.support.onnx_models import convert, random_weights
from tests.support.tiny import tiny_config

FloatArray = NDArray[np.float32]
SLOTS = 6
MOST_TOKENS = 8


@dataclass(frozen=True)
class Converted:
    directory: GraphDirectory
    config: BarkConfig

    def stage(self, threads: int, slots: int = SLOTS) -> CausalStage:
        return CausalStage(self.directory, "coarse", self.config.coarse_model, slots, threads)


@pytest.fixture(scope="module", params=["int8", "int4", "float32"])
def converted(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Converted:
    # Wide enough for several blocks of the largest size and for every kernel's main loop.
    config = tiny_config(n_layer=2, n_head=4, n_embd=512)
    directory = tmp_path_factory.mktemp("onnx") / "graphs"
    return Converted(convert(directory, config, random_weights(config, 7), request.param), config)


@pytest.fixture(scope="module", params=[1, 2])
def stages(request: pytest.FixtureRequest, converted: Converted) -> tuple[CausalStage, CausalStage]:
    """One whose slots run together, one whose slots run alone."""
    return converted.stage(request.param), converted.stage(request.param)


@dataclass(frozen=True)
class Utterance:
    """Ids of a prefill and the tokens that follow."""

    context: NDArray[np.int64]
    tokens: tuple[int, ...]


def make_utterance(seed: int) -> Utterance:
    rng = np.random.default_rng(seed)
    context = rng.integers(0, 90, int(rng.integers(1, 100)))
    return Utterance(context, tuple(rng.integers(0, 90, MOST_TOKENS).tolist()))


def start(stage: CausalStage, slot: int, utterance: Utterance) -> FloatArray:
    logits = stage.prefill(slot, stage.embed(utterance.context))
    stage.commit((slot,), utterance.context.size)
    return logits


def step(stage: CausalStage, slots: Sequence[int], tokens: Sequence[int]) -> FloatArray:
    logits = stage.step(slots, tokens)
    stage.commit(slots, 1)
    return logits


def alone(stage: CausalStage, utterance: Utterance) -> list[FloatArray]:
    stage.reset(range(SLOTS))
    prefilled = start(stage, 0, utterance)
    return [prefilled, *(step(stage, (0,), (token,))[0] for token in utterance.tokens)]


@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_logits_are_those_of_the_utterance_alone(
    stages: tuple[CausalStage, CausalStage], data: st.DataObject
) -> None:
    together, solitary = stages
    together.reset(range(SLOTS))
    live: dict[int, tuple[list[FloatArray], Utterance, int]] = {}
    for seed in range(8):
        slot = data.draw(st.integers(0, SLOTS - 1), label="prefilled slot")
        utterance = make_utterance(seed)
        expected = alone(solitary, utterance)
        np.testing.assert_array_equal(start(together, slot, utterance), expected[0])
        live[slot] = (expected, utterance, 0)
        for _ in range(data.draw(st.integers(0, 3), label="steps")):
            able = sorted(slot for slot, (_, _, made) in live.items() if made < MOST_TOKENS)
            if not able:
                break
            slots = data.draw(
                st.lists(st.sampled_from(able), min_size=1, unique=True), label="batch"
            )
            tokens = [live[slot][1].tokens[live[slot][2]] for slot in slots]
            for slot, logits in zip(slots, step(together, slots, tokens), strict=True):
                expected, utterance, made = live[slot]
                np.testing.assert_array_equal(logits, expected[made + 1])
                live[slot] = (expected, utterance, made + 1)
        if data.draw(st.booleans(), label="reset"):
            gone = data.draw(st.sampled_from(sorted(live)), label="gone")
            together.reset((gone,))
            del live[gone]


def test_a_row_that_only_goes_along_is_not_harmed(
    stages: tuple[CausalStage, CausalStage],
) -> None:
    together, solitary = stages
    together.reset(range(SLOTS))
    utterances = [make_utterance(seed) for seed in range(3)]
    for slot, utterance in enumerate(utterances):
        start(together, slot, utterance)
    # Row 1 lies between the others and is not in the batch.
    for made in range(3):
        step(together, (2, 0), [utterances[slot].tokens[made] for slot in (2, 0)])
    middle = step(together, (1,), utterances[1].tokens[:1])[0]
    np.testing.assert_array_equal(middle, alone(solitary, utterances[1])[1])


def test_a_failed_step_can_be_repeated(stages: tuple[CausalStage, CausalStage]) -> None:
    together, solitary = stages
    together.reset(range(SLOTS))
    utterance = make_utterance(1)
    start(together, 3, utterance)
    together.step((3,), (17,))  # never committed
    repeated = step(together, (3,), utterance.tokens[:1])[0]
    np.testing.assert_array_equal(repeated, alone(solitary, utterance)[1])


def test_a_full_slot_is_an_error_and_its_neighbours_go_on(converted: Converted) -> None:
    stage = converted.stage(1, slots=3)
    room = converted.config.coarse_model.block_size
    context = np.zeros(room, dtype=np.int64)
    start(stage, 0, make_utterance(0))
    start(stage, 1, Utterance(context, ()))
    start(stage, 2, make_utterance(2))
    with pytest.raises(EngineFailureError, match="129 positions of 128"):
        stage.step((0, 1), (5, 5))
    around = step(stage, (0, 2), (make_utterance(0).tokens[0], make_utterance(2).tokens[0]))
    solitary = converted.stage(1)
    np.testing.assert_array_equal(around[1], alone(solitary, make_utterance(2))[1])
    with pytest.raises(EngineFailureError, match="129 positions of 128"):
        stage.prefill(0, stage.embed(np.zeros(room + 1, dtype=np.int64)))


def test_stepping_what_was_never_prefilled_is_a_bug(converted: Converted) -> None:
    stage = converted.stage(1, slots=2)
    with pytest.raises(AssertionError, match="step without prefill"):
        stage.step((1,), (5,))


def test_a_context_of_the_whole_cache_can_be_prefilled(
    converted: Converted, tmp_path: Path
) -> None:
    stage = converted.stage(1, slots=1)
    room = converted.config.coarse_model.block_size
    start(stage, 0, Utterance(np.zeros(room - 1, dtype=np.int64), ()))
    assert np.isfinite(step(stage, (0,), (3,))).all()

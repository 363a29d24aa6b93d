"""Draws against a slow, independent reading of Suno's algorithm, and their keys."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from bark_core.options import SamplingParams
from bark_core.sampling import (
    DrawKey,
    Stage,
    draw_fine,
    draw_semantic,
    draw_token,
    filtered_probabilities,
    first_uniform,
    uniforms,
)

PINNED = [0.34307834204094745, 0.3183499609124695, 0.8374238345913101]
PINNED_LARGEST = [0.4205649594132709, 0.8992393052591139, 0.9269347699799942]
FloatArray = NDArray[np.float32]
KEY = DrawKey(seed=5, utterance=2, stage=Stage.SEMANTIC, step=7)
FILTERS = [
    SamplingParams(temperature, top_k, top_p)
    for temperature in (0.3, 0.7, 1.0, 2.5)
    for top_k in (None, 1, 5, 400, 10_000)
    for top_p in (None, 0.05, 0.5, 0.9, 1.0)
]


@given(
    seed=st.integers(0, 2**63 - 1),
    utterance=st.integers(0, 2**31),
    stage=st.sampled_from(Stage),
    step=st.integers(0, 2**31),
    codebook=st.integers(0, 7),
)
def test_a_single_number_is_the_first_of_many(
    seed: int, utterance: int, stage: Stage, step: int, codebook: int
) -> None:
    key = DrawKey(seed, utterance, stage, step, codebook)
    assert first_uniform(key) == uniforms(key, 2)[0]


def slow_probabilities(logits: FloatArray, params: SamplingParams) -> NDArray[np.float64]:
    """top_p on unscaled logits, then top_k, then temperature: one token after the other."""
    scores = [float(value) for value in logits]
    if params.top_p is not None:
        likely = torch.tensor(scores, dtype=torch.float64).softmax(0).tolist()
        total = 0.0
        for index in sorted(range(len(scores)), key=lambda i: (-scores[i], i)):
            if total > params.top_p:
                scores[index] = -float("inf")
            total += likely[index]
    if params.top_k is not None:
        smallest = torch.tensor(scores).topk(min(params.top_k, len(scores))).values[-1].item()
        scores = [-float("inf") if value < smallest else value for value in scores]
    scaled = torch.tensor(scores, dtype=torch.float64) / params.temperature
    result: NDArray[np.float64] = scaled.softmax(0).numpy()
    return result


def lively_logits(seed: int, count: int, *, ties: bool) -> FloatArray:
    values = 2.5 * np.random.default_rng(seed).standard_normal(count)
    return (np.round(values) if ties else values).astype(np.float32)


@pytest.mark.parametrize("params", FILTERS, ids=str)
@pytest.mark.parametrize("ties", [False, True], ids=["distinct", "ties"])
def test_filters_equal_the_slow_ones(params: SamplingParams, *, ties: bool) -> None:
    for seed, count in ((0, 1), (1, 7), (2, 1024)):
        logits = lively_logits(seed, count, ties=ties)
        before = logits.copy()
        made = filtered_probabilities(logits, params)
        np.testing.assert_allclose(made, slow_probabilities(logits, params), atol=1e-12)
        np.testing.assert_array_equal(logits, before)


@pytest.mark.parametrize("params", FILTERS, ids=str)
def test_filters_equal_those_of_transformers_in_sunos_order(params: SamplingParams) -> None:
    """Their own order is another one: temperature, top_k, top_p."""
    logits = lively_logits(3, 1024, ties=False)
    unused = torch.zeros(1, 0, dtype=torch.int64)
    scores = torch.from_numpy(logits[None].astype(np.float64))
    if params.top_p is not None:
        scores = TopPLogitsWarper(params.top_p)(unused, scores)
    if params.top_k is not None:
        scores = TopKLogitsWarper(params.top_k)(unused, scores)
    scores = TemperatureLogitsWarper(params.temperature)(unused, scores)
    expected = scores.softmax(-1)[0].numpy()
    np.testing.assert_allclose(filtered_probabilities(logits, params), expected, atol=1e-12)


@given(
    values=st.lists(st.integers(-4, 4), min_size=1, max_size=12),
    top_k=st.none() | st.integers(1, 13),
    top_p=st.none() | st.floats(0.01, 1),
)
@settings(max_examples=200, deadline=None)
def test_filters_with_many_ties(values: list[int], top_k: int | None, top_p: float | None) -> None:
    logits = np.array([value / 2 for value in values], dtype=np.float32)
    params = SamplingParams(0.7, top_k, top_p)
    made, slow = filtered_probabilities(logits, params), slow_probabilities(logits, params)
    borderline = top_p is not None and _sum_hits(logits, top_p)
    if not borderline:  # where the sum hits top_p to the last bit, either answer is right
        np.testing.assert_allclose(made, slow, atol=1e-12)


def _sum_hits(logits: FloatArray, top_p: float) -> bool:
    likely = torch.from_numpy(np.sort(logits)[::-1].astype(np.float64)).softmax(0)
    return bool(((likely.cumsum(0) - top_p).abs() < 1e-12).any())


def test_top_k_keeps_equals_and_top_p_the_crossing_token() -> None:
    logits = np.log(np.array([0.4, 0.3, 0.1, 0.1, 0.1], dtype=np.float32))
    kept = filtered_probabilities(logits, SamplingParams(1, top_k=3))
    np.testing.assert_allclose(kept, [0.4, 0.3, 0.1, 0.1, 0.1], atol=1e-6)  # all three equals
    kept = filtered_probabilities(logits, SamplingParams(1, top_p=0.45))
    np.testing.assert_allclose(kept, [4 / 7, 3 / 7, 0, 0, 0], atol=1e-6)
    kept = filtered_probabilities(logits, SamplingParams(1, top_p=0.75))
    np.testing.assert_allclose(kept, [0.5, 0.375, 0.125, 0, 0], atol=1e-6)  # the first equal
    # top_p looks at the logits before the temperature: 2.0 would have kept more.
    kept = filtered_probabilities(logits, SamplingParams(2, top_p=0.3))
    np.testing.assert_allclose(kept, [1, 0, 0, 0, 0])


def surprise(counts: NDArray[np.int64], probabilities: NDArray[np.float64]) -> float:
    """Pearson's statistic in standard deviations above its mean; a right sampler stays below 6."""
    expected = probabilities * counts.sum()
    there = expected > 0
    assert counts[~there].sum() == 0, "a token without probability was drawn"
    statistic = float(((counts[there] - expected[there]) ** 2 / expected[there]).sum())
    freedom = int(there.sum()) - 1
    spread = math.sqrt(2 * freedom)
    return (statistic - freedom) / spread


@pytest.mark.parametrize(
    "params", [SamplingParams(0.7), SamplingParams(1.3, top_k=9), SamplingParams(0.9, None, 0.8)]
)
def test_draws_follow_the_probabilities(params: SamplingParams) -> None:
    logits = lively_logits(3, 24, ties=True)
    logits /= 2
    drawn = [draw_token(logits, params, replace(KEY, step=step)) for step in range(20_000)]
    counts = np.bincount(drawn, minlength=logits.size)
    assert surprise(counts, slow_probabilities(logits, params)) < 6


def test_fine_draws_follow_the_probabilities() -> None:
    row = lively_logits(4, 16, ties=False)
    logits = np.tile(row, (20_000, 1))
    counts = np.bincount(draw_fine(logits, 0.5, KEY), minlength=16)
    assert surprise(counts, slow_probabilities(row, SamplingParams(0.5))) < 6


@given(uniform=st.floats(0, 1, exclude_max=True), seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_a_draw_inverts_the_distribution(uniform: float, seed: int) -> None:
    """Index i is drawn where the uniform number lies between the sums up to i and with i."""
    logits = lively_logits(seed, 9, ties=False)
    params = SamplingParams(0.7, top_k=5)
    probabilities = slow_probabilities(logits, params)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bark_core.sampling.first_uniform", lambda key: uniform)
        patch.setattr("bark_core.sampling.uniforms", lambda key, count: np.full(count, uniform))
        index = draw_token(logits, params, KEY)
        (fine,) = draw_fine(np.where(probabilities > 0, logits, -np.inf)[None], 0.7, KEY)
    assert probabilities[index] > 0
    below = probabilities[:index].sum()
    assert below - 1e-9 <= uniform <= below + probabilities[index] + 1e-9
    assert fine == index


def test_the_largest_uniform_number_draws_something_possible() -> None:
    logits = np.array([1, 2, -np.inf, -np.inf], dtype=np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bark_core.sampling.first_uniform", lambda key: 1.0)
        assert draw_token(logits, SamplingParams(0.7), KEY) == 1


def test_greedy_takes_the_first_largest() -> None:
    logits = np.array([0, 3, 1, 3], dtype=np.float32)
    greedy = SamplingParams(temperature=0, top_k=1, top_p=0.1)
    assert draw_token(logits, greedy, KEY) == 1
    np.testing.assert_array_equal(filtered_probabilities(logits, greedy), [0, 1, 0, 0])
    np.testing.assert_array_equal(draw_fine(logits[None].repeat(3, 0), 0, KEY), [1, 1, 1])


@pytest.mark.parametrize("temperature", [1e-300, 1e-30, 1e-6])
def test_a_tiny_temperature_is_greedy(temperature: float) -> None:
    logits = lively_logits(5, 50, ties=False) * 1000
    params = SamplingParams(temperature, top_k=20, top_p=0.9)
    assert draw_token(logits, params, KEY) == logits.argmax()
    assert draw_fine(logits[None], temperature, KEY)[0] == logits.argmax()


def semantic(
    logits: FloatArray,
    params: SamplingParams,
    min_eos_p: float | None = None,
    step: int = 0,
    *,
    allow_eos: bool = True,
) -> int | None:
    key = replace(KEY, step=step)
    return draw_semantic(logits, params, key, min_eos_p=min_eos_p, allow_eos=allow_eos)


def test_the_end_by_probability() -> None:
    """At least min_eos_p, measured after filters and temperature."""
    logits = np.log(np.array([0.5, 0.3, 0.2], dtype=np.float32))  # the end token is last
    warm, hot = SamplingParams(1), SamplingParams(5)
    for step in range(50):
        assert semantic(logits, warm, 0.19, step) is None
        assert semantic(logits, hot, 0.29, step) is None
    assert any(semantic(logits, warm, 0.21, step) is not None for step in range(50))
    assert any(semantic(logits, hot, 0.32, step) is not None for step in range(50))
    # Filtered out, the end has no probability at all, however modest the wish.
    without_end = SamplingParams(1, top_k=2)
    assert all(semantic(logits, without_end, 1e-9, step) is not None for step in range(50))


def test_the_end_by_draw() -> None:
    logits = np.log(np.array([0.5, 0.3, 0.2], dtype=np.float32))
    drawn = [semantic(logits, SamplingParams(1), None, step) for step in range(5000)]
    counts = np.bincount([2 if token is None else token for token in drawn], minlength=3)
    assert surprise(counts, np.array([0.5, 0.3, 0.2])) < 6
    forbidden = [
        semantic(logits[:-1], SamplingParams(1), 1e-9, step, allow_eos=False) for step in range(99)
    ]
    assert set(forbidden) == {0, 1}  # index 1 is last, but it is not the end


def test_the_end_when_greedy() -> None:
    """By the largest logit, or by the probability at temperature 1."""
    logits = np.log(np.array([0.5, 0.3, 0.2], dtype=np.float32))
    greedy = SamplingParams(temperature=0)
    assert semantic(logits, greedy) == 0
    assert semantic(logits, greedy, 0.21) == 0
    assert semantic(logits, greedy, 0.19) is None
    assert semantic(logits[::-1].copy(), greedy) is None
    assert semantic(logits[::-1].copy(), greedy, 0.1, allow_eos=False) == 2


CHANGES: dict[str, Callable[[int], DrawKey]] = {
    "seed": lambda n: replace(KEY, seed=n),
    "utterance": lambda n: replace(KEY, utterance=n),
    "stage": lambda n: replace(KEY, stage=Stage(1 + n % 3), seed=n // 3),
    "step": lambda n: replace(KEY, step=n),
    "codebook": KEY.with_codebook,
}


@pytest.mark.parametrize("part", CHANGES)
def test_every_part_of_a_key_gives_independent_numbers(part: str) -> None:
    rows = np.array([uniforms(CHANGES[part](n), 64) for n in range(300)])
    assert np.unique(rows).size == rows.size
    assert ((rows >= 0) & (rows < 1)).all()
    # Neighbouring keys: means and correlations as of 19,136 independent pairs (5 sigma).
    assert abs(rows.mean() - 0.5) < 5 * (1 / 12 / rows.size) ** 0.5
    centred = (rows - 0.5) * 12**0.5
    products = [float((one * other).mean()) for one, other in pairwise(centred)]
    assert abs(np.mean(products)) < 5 / (299 * 64) ** 0.5


def test_a_longer_request_starts_with_the_shorter_one() -> None:
    np.testing.assert_array_equal(uniforms(KEY, 1000)[:10], uniforms(KEY, 10))


def test_the_numbers_never_change() -> None:
    """Pinned: the same seed must give the same speech in every release."""
    largest = DrawKey(2**63 - 1, 2**31 - 1, Stage.FINE, 10**6, 7)
    np.testing.assert_allclose(uniforms(KEY, 3), PINNED, rtol=0, atol=0)
    np.testing.assert_allclose(uniforms(largest, 3), PINNED_LARGEST, rtol=0, atol=0)

"""Keyed random draws and Suno's sampling filters, in numpy, the same on every back end.

A draw is a pure function of (seed, utterance, stage, step, codebook): a counter-based generator
(Philox4x64, Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3") keyed by the first
and addressed by the others, so neighbours, chunking and timing cannot change it.

Filter order and rules: suno-ai/bark ``bark/generation.py`` (``generate_text_semantic``,
``generate_coarse``): top_p on unscaled logits, then top_k, then temperature.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from bark_core.options import SamplingParams

FloatArray = NDArray[np.float32]

_DROPPED = np.float32(-np.inf)
_FINE_BLOCK = 64  # positions whose weights fit into a core's own cache
_TINY = 1e-260  # temperatures below it may take logits beyond what a float64 holds

_WORD = 2**64 - 1
_PHILOX_ROUNDS = 10
_PHILOX_FIRST, _PHILOX_SECOND = 0xD2E7470EE14C6C93, 0xCA5A826395121157
_PHILOX_LOW, _PHILOX_HIGH = 0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B


class Stage(IntEnum):
    """The stages that draw. The numbers are part of the key: never renumber."""

    SEMANTIC = 1
    COARSE = 2
    FINE = 3


@dataclass(frozen=True, slots=True)
class DrawKey:
    """Address of a draw.

    Attributes:
        seed: The request's seed, 0 .. 2**63-1.
        utterance: Index of the utterance in its text.
        stage: Who draws.
        step: Token number (semantic, coarse) or window number (fine).
        codebook: Codebook (fine), else 0.
    """

    seed: int
    utterance: int
    stage: Stage
    step: int
    codebook: int = 0

    def with_codebook(self, codebook: int) -> DrawKey:
        """The same address for another codebook."""
        return replace(self, codebook=codebook)


def uniforms(key: DrawKey, count: int) -> NDArray[np.float64]:
    """``count`` numbers in [0, 1) for a key. [count]."""
    bits = np.random.Philox(
        key=np.array([key.seed, key.stage], dtype=np.uint64),
        # The generator counts up in word 0; the address is in the others.
        counter=np.array([0, key.step, key.codebook, key.utterance], dtype=np.uint64),
    )
    return np.random.Generator(bits).random(count)


def first_uniform(key: DrawKey) -> float:
    """``uniforms(key, 1)[0]``, without the objects around it: a step draws a single number.

    Source: Random123's ``philox4x64_R`` with 10 rounds, as numpy has it (it counts up before the
    first block).
    """
    word, step, codebook, utterance = 1, key.step, key.codebook, key.utterance
    low_key, high_key = key.seed, int(key.stage)
    for _ in range(_PHILOX_ROUNDS):
        first, second = _PHILOX_FIRST * word, _PHILOX_SECOND * codebook
        word, step, codebook, utterance = (
            (second >> 64) ^ step ^ low_key,
            second & _WORD,
            (first >> 64) ^ utterance ^ high_key,
            first & _WORD,
        )
        low_key = (low_key + _PHILOX_LOW) & _WORD
        high_key = (high_key + _PHILOX_HIGH) & _WORD
    return (word >> 11) * 2.0**-53


def filtered_probabilities(logits: FloatArray, params: SamplingParams) -> NDArray[np.float64]:
    """Probabilities after top_p, top_k and temperature. [V] -> [V].

    With temperature 0 all the weight is on the largest logit (the first one of equals).
    """
    if params.temperature == 0:
        greedy = np.zeros(logits.size)
        greedy[int(np.argmax(logits))] = 1.0
        return greedy
    weights = _weights(_filtered(logits, params), params.temperature)
    weights /= weights.sum()
    return weights


def draw_token(logits: FloatArray, params: SamplingParams, key: DrawKey) -> int:
    """One token from one row of logits. [V] -> index."""
    if params.temperature == 0:
        return int(np.argmax(logits))
    return _draw(_filtered(logits, params), params.temperature, key)[0]


def draw_semantic(
    logits: FloatArray,
    params: SamplingParams,
    key: DrawKey,
    *,
    min_eos_p: float | None,
    allow_eos: bool,
) -> int | None:
    """One semantic token, or None at the end of speech.

    Args:
        logits: [vocab_size + 1] with the end token last where ``allow_eos``, else [vocab_size].
        params: Temperature 0 draws the largest; the end rule then uses temperature 1.
        key: Address of the draw.
        min_eos_p: End when the end token's probability (after filters and temperature) is at
            least this. The reference has no greedy mode; here greedy takes it at temperature 1.
        allow_eos: False where the utterance must not end yet.
    """
    if params.temperature == 0:
        token = int(np.argmax(logits))
        if not allow_eos:
            return token
        weights = _weights(logits, temperature=1)
        end_probability = float(weights[-1] / weights.sum())
    else:
        token, end_probability = _draw(_filtered(logits, params), params.temperature, key)
        if not allow_eos:
            return token
    if token == logits.size - 1 or (min_eos_p is not None and end_probability >= min_eos_p):
        return None
    return token


def draw_fine(logits: FloatArray, temperature: float, key: DrawKey) -> NDArray[np.int64]:
    """One code for every position. [T, codebook_size] -> [T]. Temperature 0 is argmax."""
    if temperature == 0:
        greedy: NDArray[np.int64] = logits.argmax(axis=-1).astype(np.int64)
        return greedy
    codes = np.empty(logits.shape[0], dtype=np.int64)
    numbers = uniforms(key, logits.shape[0])
    for start in range(0, codes.size, _FINE_BLOCK):
        block = slice(start, start + _FINE_BLOCK)
        cumulative = np.cumsum(_weights(logits[block], temperature), axis=-1)
        targets = numbers[block, None] * cumulative[:, -1:]
        codes[block] = np.count_nonzero(cumulative <= targets, axis=-1)
    return codes.clip(max=logits.shape[-1] - 1)


def _draw(scores: FloatArray, temperature: float, key: DrawKey) -> tuple[int, float]:
    """Inverse-CDF draw. [V] -> an index of probability > 0; the last index's probability."""
    weights = _weights(scores, temperature)
    cumulative = np.cumsum(weights)
    total = cumulative[-1]
    # The first index whose cumulative weight is beyond the target: never one without weight.
    index = int(cumulative.searchsorted(first_uniform(key) * total, side="right"))
    if index == weights.size:  # the product was rounded up to the total
        index = int(np.flatnonzero(weights)[-1])
    return index, float(weights[-1] / total)


def _filtered(logits: FloatArray, params: SamplingParams) -> FloatArray:
    """Logits with -inf where top_p, then top_k, drop them. [V] -> [V]; may be its argument."""
    scores = logits
    if params.top_p is not None:
        scores = _keep_probable(scores, params.top_p)
    if params.top_k is not None and params.top_k < scores.size:
        threshold = np.partition(scores, -params.top_k)[-params.top_k]
        scores = np.where(scores < threshold, _DROPPED, scores)
    return scores


def _keep_probable(logits: FloatArray, top_p: float) -> FloatArray:
    """Keep the likeliest tokens up to the one with which their probability exceeds ``top_p``.

    Of equal logits at the border those with the smaller index are kept.
    """
    descending = np.sort(logits)[::-1]
    cumulative = np.cumsum(_weights(descending, temperature=1))
    # The border token is the first one at which the sum is beyond p; it stays itself.
    n_below = int(np.searchsorted(cumulative, top_p * cumulative[-1], side="right"))
    n_kept = min(n_below + 1, logits.size)
    border = descending[n_kept - 1]
    scores = np.where(logits < border, _DROPPED, logits)
    surplus = int(np.count_nonzero(scores > _DROPPED)) - n_kept
    if surplus > 0:
        scores[np.flatnonzero(logits == border)[-surplus:]] = _DROPPED
    return scores


def _weights(scores: FloatArray, temperature: float) -> NDArray[np.float64]:
    """Softmax over the last axis before its division; the largest weight is 1. -inf is 0."""
    shifted = scores.astype(np.float64)
    shifted -= shifted.max(axis=-1, keepdims=True)
    if temperature < _TINY:
        with np.errstate(over="ignore"):  # -inf is right
            shifted /= temperature
    elif temperature != 1:
        shifted /= temperature
    weights: NDArray[np.float64] = np.exp(shifted, out=shifted)
    return weights

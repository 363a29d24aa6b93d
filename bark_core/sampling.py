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


def filtered_probabilities(logits: FloatArray, params: SamplingParams) -> NDArray[np.float64]:
    """Probabilities after top_p, top_k and temperature. [V] -> [V].

    With temperature 0 all the weight is on the largest logit (the first one of equals).
    """
    scores = logits.astype(np.float64)
    if params.temperature == 0:
        greedy = np.zeros_like(scores)
        greedy[int(np.argmax(scores))] = 1.0
        return greedy
    if params.top_p is not None:
        order = np.argsort(-scores, kind="stable")
        cumulative = np.cumsum(softmax(scores[order]))
        # Shifted by one: the token that crosses p stays.
        drop = np.concatenate(([False], cumulative[:-1] > params.top_p))
        scores[order[drop]] = -np.inf
    if params.top_k is not None and params.top_k < scores.size:
        threshold = np.partition(scores, -params.top_k)[-params.top_k]
        scores[scores < threshold] = -np.inf
    return softmax(scores / params.temperature)


def softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Softmax over the last axis, -inf allowed."""
    shifted = np.exp(scores - scores.max(axis=-1, keepdims=True))
    total: NDArray[np.float64] = shifted / shifted.sum(axis=-1, keepdims=True)
    return total


def pick(probabilities: NDArray[np.float64], uniform: float) -> int:
    """Inverse-CDF draw. [V] -> index with probability > 0."""
    cumulative = np.cumsum(probabilities)
    index = int(np.searchsorted(cumulative, uniform * cumulative[-1], side="right"))
    return min(index, int(np.flatnonzero(probabilities)[-1]))


def draw_token(logits: FloatArray, params: SamplingParams, key: DrawKey) -> int:
    """One token from one row of logits. [V] -> index."""
    if params.temperature == 0:
        return int(np.argmax(logits))
    return pick(filtered_probabilities(logits, params), float(uniforms(key, 1)[0]))


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
        end_probability = float(softmax(logits.astype(np.float64))[-1])
    else:
        probabilities = filtered_probabilities(logits, params)
        token = pick(probabilities, float(uniforms(key, 1)[0]))
        end_probability = float(probabilities[-1])
    if not allow_eos:
        return token
    if token == logits.size - 1 or (min_eos_p is not None and end_probability >= min_eos_p):
        return None
    return token


def draw_fine(
    logits: FloatArray, temperature: float, key: DrawKey
) -> NDArray[np.int64]:
    """One code for every position. [T, codebook_size] -> [T]. Temperature 0 is argmax."""
    if temperature == 0:
        return logits.argmax(axis=-1).astype(np.int64)
    probabilities = softmax(logits.astype(np.float64) / temperature)
    cumulative = np.cumsum(probabilities, axis=-1)
    targets = uniforms(key, logits.shape[0])[:, None] * cumulative[:, -1:]
    return np.minimum((cumulative <= targets).sum(axis=-1), logits.shape[-1] - 1).astype(np.int64)

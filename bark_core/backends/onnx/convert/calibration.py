"""How large a stage's keys and values get: the scales of a cache in 8 bits.

A cache entry is a channel of a key or value divided by that channel's scale. Scales are constants
of a graph, so they are found out at conversion: the stage runs once, in float32, over a context
laid out as at run time, its tokens drawn at random. Layer norms make what comes out a matter of
the weights more than of the tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bark_core.config import BarkConfig, TransformerConfig

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
Tensors = Mapping[str, FloatArray]

# Real tokens reach up to 1.5 times as far as random ones (measured on a trained model); what lies
# beyond is clipped. Twice the room costs one bit of eight.
_HEADROOM = 2.0
_LARGEST = 127
_EPSILON = 1e-5  # of the layer norms
_SEED = 0


@dataclass(frozen=True, slots=True, eq=False)
class CacheScales:
    """Of one layer: [D] scales of the keys' channels and of the values'."""

    keys: FloatArray
    values: FloatArray


def semantic_context(config: BarkConfig, embedding: FloatArray) -> FloatArray:
    """Text and history, both half padded, infer token, semantic tokens: the embeddings [T, D]."""
    tokens, numbers = config.semantic, np.random.default_rng(_SEED)
    count = tokens.max_text_tokens
    text = numbers.integers(tokens.text_offset, tokens.text_pad_token, count)
    text[count // 2 :] = tokens.text_pad_token
    history = numbers.integers(tokens.vocab_size, size=count)
    history[: count // 2] = tokens.pad_token
    spoken = numbers.integers(tokens.vocab_size, size=tokens.max_new_tokens - 1)
    following = np.concatenate([[tokens.infer_token], spoken])
    return np.concatenate([embedding[text] + embedding[history], embedding[following]])


def coarse_context(config: BarkConfig, embedding: FloatArray) -> FloatArray:
    """A semantic slice, its end padded, infer token, coarse tokens: the embeddings [T, D]."""
    tokens, numbers = config.coarse, np.random.default_rng(_SEED)
    count = tokens.max_semantic_tokens
    semantic = numbers.integers(config.semantic.vocab_size, size=count)
    semantic[count - count // 4 :] = tokens.semantic_pad_token
    steps = np.arange(tokens.max_history_tokens + tokens.window_steps - 1)
    codes = numbers.integers(tokens.codebook_size, size=len(steps))
    books = config.semantic.vocab_size + steps % tokens.n_codebooks * tokens.codebook_size
    return np.asarray(embedding[np.concatenate([semantic, [tokens.infer_token], books + codes])])


def calibrate(
    model: TransformerConfig, tensors: Tensors, context: FloatArray
) -> tuple[CacheScales, ...]:
    """Scales for every layer of a causal stage.

    Args:
        model: Sizes.
        tensors: Weights by canonical name.
        context: [T, D] embeddings, positions not yet added.
    """
    x = context + tensors["position_embeds_layer.weight"][: len(context)]
    scales = []
    for layer in range(model.n_layer):
        prefix = f"layers.{layer}"
        y = _norm(tensors, f"{prefix}.layernorm_1", x)
        query, key, value = np.split(y @ tensors[f"{prefix}.attn.att_proj.weight"].T, 3, axis=1)
        scales.append(CacheScales(_scale(key), _scale(value)))
        attended = _attention(query, key, value, model.n_head)
        x = x + attended @ tensors[f"{prefix}.attn.out_proj.weight"].T
        y = _norm(tensors, f"{prefix}.layernorm_2", x)
        y = _gelu(y @ tensors[f"{prefix}.mlp.in_proj.weight"].T)
        x = x + y @ tensors[f"{prefix}.mlp.out_proj.weight"].T
    return tuple(scales)


def _scale(channels: FloatArray) -> FloatArray:
    """[T, D] -> [D]; 1 where nothing ever comes."""
    largest = np.abs(channels).max(axis=0) * np.float32(_HEADROOM / _LARGEST)
    return np.where(largest > 0, largest, np.float32(1))


def _norm(tensors: Tensors, name: str, x: FloatArray) -> FloatArray:
    centred = x - x.mean(axis=1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(axis=1, keepdims=True) + np.float32(_EPSILON))
    y = np.asarray(centred / deviation * tensors[f"{name}.weight"])
    bias = tensors.get(f"{name}.bias")
    return y if bias is None else y + bias


def _attention(query: FloatArray, key: FloatArray, value: FloatArray, heads: int) -> FloatArray:
    """Causal, head by head so that memory stays small. [T, D] each -> [T, D]."""
    later = np.triu(np.full((len(query), len(query)), -np.inf, dtype=np.float32), 1)
    outputs = []
    for q, k, v in zip(*(np.split(x, heads, axis=1) for x in (query, key, value)), strict=True):
        scores = q @ k.T / np.float32(np.sqrt(q.shape[1])) + later
        chances = np.exp(scores - scores.max(axis=1, keepdims=True))
        outputs.append(chances @ v / chances.sum(axis=1, keepdims=True))
    return np.concatenate(outputs, axis=1)


def _gelu(x: FloatArray) -> FloatArray:
    """By the hyperbolic tangent: near enough for a scale."""
    inner = np.float32(np.sqrt(2 / np.pi)) * (x + np.float32(0.044715) * x**3)
    return np.asarray(np.float32(0.5) * x * (1 + np.tanh(inner)))

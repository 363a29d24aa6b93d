"""Random tensors for a config: the noise model, and stand-ins for a real size in benchmarks.

Drawn by a counter-based generator (numpy's Philox) keyed by seed and stage, so the same seed gives
the same tensors on every machine. The scales are chosen so that

* an utterance ends by itself: two channels of the semantic stage carry nothing but a ramp over the
  positions, and only the end token listens to them;
* the codec's output is audible, finite and far from clipping.
"""

from __future__ import annotations

import math

import numpy as np

from bark_core.checkpoints import STAGES, StageName
from bark_core.config import BarkConfig
from bark_core.weights.shapes import stage_shapes
from bark_core.weights.stored import FloatArray, StateDict

# A pair of opposite channels, so that the layer norm's mean stays free of the ramp.
_END_CHANNELS = (0, 1)
_END_SIGNS = np.array([1, -1], dtype=np.float32)
# Parts of the longest utterance over which the end token's logit rises from hopeless to certain.
_END_HOPELESS = 0.05  # 0.8 s in the published layout
_END_CERTAIN = 0.26  # 4 s
_CODEC_GAIN = 0.1


def random_stage(config: BarkConfig, stage: StageName, seed: int) -> StateDict:
    """Random tensors of a stage, float32, by canonical name."""
    numbers = np.random.Generator(np.random.Philox(key=[seed, STAGES.index(stage)]))
    tensors = {
        name: _random_tensor(numbers, name, shape)
        for name, shape in stage_shapes(config, stage).items()
    }
    if stage == "semantic":
        _end_by_itself(config, tensors)
    if stage == "codec":
        last = list(tensors)[-2]
        assert last.endswith("conv.weight"), last
        tensors[last] *= np.float32(_CODEC_GAIN)
    return tensors


def _random_tensor(numbers: np.random.Generator, name: str, shape: tuple[int, ...]) -> FloatArray:
    if "layernorm" in name:
        fill = 1.0 if name.endswith("weight") else 0.0
        return np.full(shape, fill, dtype=np.float32)
    if name.endswith("bias") or ".bias_" in name:
        return np.zeros(shape, dtype=np.float32)
    values = numbers.standard_normal(shape, dtype=np.float32)
    if "embed" in name:
        return values
    return values * np.float32(1 / math.sqrt(math.prod(shape[1:])))


def _end_by_itself(config: BarkConfig, tensors: StateDict) -> None:
    """Let a pair of channels carry the position and the end token alone listen to it."""
    model, tokens = config.semantic_model, config.semantic
    channels = list(_END_CHANNELS)
    tensors["input_embeds_layer.weight"][:, channels] = 0
    for index in range(model.n_layer):
        tensors[f"layers.{index}.attn.out_proj.weight"][channels] = 0
        tensors[f"layers.{index}.mlp.out_proj.weight"][channels] = 0
    first = tokens.max_text_tokens + 1  # position of the first token made
    made = (np.arange(model.block_size, dtype=np.float32) - first) / tokens.max_new_tokens
    ramp = (made - _END_HOPELESS) / (_END_CERTAIN - _END_HOPELESS)
    positions = tensors["position_embeds_layer.weight"]
    positions[:, channels] = np.clip(ramp, 0, 2)[:, None] * _END_SIGNS
    head = tensors["lm_head.weight"]
    head[:, channels] = 0
    head[tokens.pad_token] = 0
    # All others together weigh about log(vocab_size); beyond that the end is certain.
    head[tokens.pad_token, channels] = math.log(tokens.vocab_size) * _END_SIGNS

"""The causal transformer of the semantic and the coarse stage. Weights only.

Architecture: suno-ai/bark ``bark/model.py: GPT``; tensor names: the ``transformers`` package's
``BarkCausalModel``. Keys and values live in a ``KvCache`` that the caller passes in.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from bark_core.config import TransformerConfig
from bark_core.models.block import Block
from bark_core.models.cache import KvCache
from bark_core.models.linear import Linear


class CausalModel(nn.Module):
    """GPT with learned positions, an untied head and no biases at all."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.input_embeds_layer = nn.Embedding(config.input_vocab_size, config.n_embd)
        self.position_embeds_layer = nn.Embedding(config.block_size, config.n_embd)
        self.layers = nn.ModuleList(Block(config, norm_bias=False) for _ in range(config.n_layer))
        self.layernorm_final = nn.LayerNorm(config.n_embd, bias=False)
        self.lm_head = Linear(config.n_embd, config.output_vocab_size)

    def prefill(self, embeddings: Tensor, cache: KvCache, slot: int) -> Tensor:
        """Fill a slot from position 0 on; the caller sets ``cache.lengths``.

        Args:
            embeddings: [P, D] of the tokens, positions not yet added.
            cache: Where keys and values go.
            slot: Whose.

        Returns:
            [1, D] final state of the last position, ready for a head.

        Raises:
            EngineFailureError: P is more than the cache holds.
        """
        count = embeddings.shape[0]
        cache.room_for(slot, 0, count)
        x = embeddings + self.position_embeds_layer.weight[:count]  # [P, D]
        for layer, block in zip(cache.layers[slot], self.layers, strict=True):

            def attend(qkv: Tensor, layer: Tensor = layer) -> Tensor:
                q, k, v = qkv.permute(1, 2, 0, 3).unsqueeze(1)  # 3 x [1, H, P, head_dim]
                layer[0, :, :count] = k[0]
                layer[1, :, :count] = v[0]
                mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
                return mixed[0].transpose(0, 1).flatten(1)

            x = block(x, attend)
        return self._finish(x[-1:])

    def step(self, tokens: Tensor, cache: KvCache, slots: Sequence[int]) -> Tensor:
        """Append one token to each of some slots; the caller advances ``cache.lengths``.

        Args:
            tokens: [W] ids, W >= len(slots). What is beyond is padding: computed, never kept.
            cache: Read and written at ``cache.lengths``.
            slots: One for each row that counts, all different.

        Returns:
            [W, D] final states, ready for a head.

        Raises:
            EngineFailureError: A slot is full.
        """
        width, device = tokens.shape[0], tokens.device
        starts = [cache.lengths[slot] for slot in slots]
        for slot, start in zip(slots, starts, strict=True):
            cache.room_for(slot, start, 1)
        padding = width - len(slots)
        positions = torch.tensor(starts + starts[:1] * padding, device=device)
        x = self.input_embeds_layer(tokens) + self.position_embeds_layer(positions)  # [W, D]
        for index, block in enumerate(self.layers):
            layers = [cache.layers[slot][index] for slot in slots]

            def attend(qkv: Tensor, layers: list[Tensor] = layers) -> Tensor:
                rows = qkv.unsqueeze(3)  # [W, 3, H, 1, head_dim]
                mixed = [
                    _attend_to_past(rows[row : row + 1], layer, start)
                    for row, (layer, start) in enumerate(zip(layers, starts, strict=True))
                ]
                return torch.cat(mixed + mixed[:1] * padding).flatten(1)

            x = block(x, attend)
        return self._finish(x)

    def _finish(self, x: Tensor) -> Tensor:
        final: Tensor = self.layernorm_final(x)
        return final


def _attend_to_past(row: Tensor, layer: Tensor, start: int) -> Tensor:
    """One query over a slot's past and itself.

    Args:
        row: [1, 3, H, 1, head_dim].
        layer: [2, H, positions, head_dim]; its position ``start`` is written.
        start: Positions filled so far.

    Returns:
        [1, H, 1, head_dim].
    """
    layer.narrow(2, start, 1).copy_(row[0, 1:])
    keys, values = layer.narrow(2, 0, start + 1).unsqueeze(1)  # [1, H, start + 1, head_dim]
    return functional.scaled_dot_product_attention(row[:, 0], keys, values)

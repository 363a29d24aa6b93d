"""The bidirectional transformer of the fine stage. Weights only, no state.

Architecture: suno-ai/bark ``bark/model_fine.py: FineGPT``; tensor names: the ``transformers``
package's ``BarkFineModel``.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from bark_core.config import FineTokens, TransformerConfig
from bark_core.models.block import Block


class FineModel(nn.Module):
    """Predicts one codebook for all frames at once, from itself and those before it.

    There is a table for every codebook. The head of codebook k (k >= 1) shares table k's weight
    in every published checkpoint, so it has none of its own. Unlike in the causal models the
    layer norms have biases.
    """

    def __init__(self, config: TransformerConfig, tokens: FineTokens) -> None:
        super().__init__()
        self.config = config
        self.tokens = tokens
        self.input_embeds_layers = nn.ModuleList(
            nn.Embedding(config.input_vocab_size, config.n_embd) for _ in range(tokens.n_codebooks)
        )
        self.position_embeds_layer = nn.Embedding(config.block_size, config.n_embd)
        self.layers = nn.ModuleList(Block(config, norm_bias=True) for _ in range(config.n_layer))
        self.layernorm_final = nn.LayerNorm(config.n_embd)

    def forward(self, codes: Tensor, codebook: int, first: int) -> Tensor:
        """Logits of one codebook.

        Args:
            codes: [K, T] ids, ``pad_token`` where unknown. Rows 0..codebook are read: the old
                values of the codebook itself are part of the input.
            codebook: Which one, 1..K-1.
            first: First frame whose logits are wanted.

        Returns:
            [T - first, codebook_size].
        """
        count = codes.shape[1]
        assert 1 <= codebook < self.tokens.n_codebooks, codebook
        assert count <= self.config.block_size, count
        x = self.position_embeds_layer.weight[:count]  # [T, D]
        for book in range(codebook + 1):
            x = x + self.input_embeds_layers[book](codes[book])
        for block in self.layers:
            x = block(x, _attend_everywhere)
        final = self.layernorm_final(x[first:])
        head = self._table(codebook).weight[: self.tokens.codebook_size]
        return functional.linear(final, head)

    def _table(self, codebook: int) -> nn.Embedding:
        table = self.input_embeds_layers[codebook]
        assert isinstance(table, nn.Embedding)
        return table


def _attend_everywhere(qkv: Tensor) -> Tensor:
    """[T, 3, H, head_dim] -> [T, D], without a mask."""
    q, k, v = qkv.permute(1, 2, 0, 3).unsqueeze(1)  # 3 x [1, H, T, head_dim]
    return functional.scaled_dot_product_attention(q, k, v)[0].transpose(0, 1).flatten(1)

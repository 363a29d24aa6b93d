"""The transformer block that Bark's three models share. Weights only."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from bark_core.config import TransformerConfig
from bark_core.models.linear import Linear

Attend = Callable[[Tensor], Tensor]
"""Queries, keys and values [P, 3, heads, head_dim] to attention's result [P, D]."""


class Attention(nn.Module):
    """Projections of self-attention; the attention itself is the caller's, as is its cache."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.n_head = config.n_head
        self.head_dim = config.head_dim
        self.att_proj = Linear(config.n_embd, 3 * config.n_embd)
        self.out_proj = Linear(config.n_embd, config.n_embd)

    def forward(self, residual: Tensor, normed: Tensor, attend: Attend) -> Tensor:
        """[P, D], [P, D] -> [P, D]: the residual plus what attention adds."""
        qkv = self.att_proj(normed).view(-1, 3, self.n_head, self.head_dim)
        return self.out_proj.added_to(residual, attend(qkv))


class Mlp(nn.Module):
    """Four times as wide inside, exact GELU."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.in_proj = Linear(config.n_embd, 4 * config.n_embd)
        self.out_proj = Linear(4 * config.n_embd, config.n_embd)

    def forward(self, residual: Tensor, normed: Tensor) -> Tensor:
        """[P, D], [P, D] -> [P, D]: the residual plus what the MLP adds."""
        return self.out_proj.added_to(residual, self.in_proj.gelu(normed))


class Block(nn.Module):
    """Pre-norm block: x += attention(norm(x)); x += mlp(norm(x))."""

    def __init__(self, config: TransformerConfig, *, norm_bias: bool) -> None:
        super().__init__()
        self.layernorm_1 = nn.LayerNorm(config.n_embd, bias=norm_bias)
        self.layernorm_2 = nn.LayerNorm(config.n_embd, bias=norm_bias)
        self.attn = Attention(config)
        self.mlp = Mlp(config)

    def forward(self, x: Tensor, attend: Attend) -> Tensor:
        """[P, D] -> [P, D]."""
        x = self.attn(x, self.layernorm_1(x), attend)
        result: Tensor = self.mlp(x, self.layernorm_2(x))
        return result

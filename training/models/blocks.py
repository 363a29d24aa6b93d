"""The transformer block that all three networks share.

No dropout in here: on a CPU its random numbers, and the slow attention they force, cost a third
of the time. The networks drop parts of their embeddings instead.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class Attention(nn.Module):
    """Multi-head attention with one fused projection; causal or not."""

    def __init__(self, width: int, heads: int, *, causal: bool) -> None:
        super().__init__()
        self.heads, self.causal = heads, causal
        self.att_proj = nn.Linear(width, 3 * width, bias=False)
        self.out_proj = nn.Linear(width, width, bias=False)

    def forward(
        self, x: Tensor, past: list[Tensor] | None = None, look: list[Tensor] | None = None
    ) -> Tensor:
        """Attend.

        Args:
            x: [B, T, width].
            past: empty, or keys and values [B, heads, P, width / heads] of earlier positions;
                replaced by those with x's appended.
            look: where to put query and key [B, T, width / heads] of the first head.
        """
        batch, length, width = x.shape
        parts = self.att_proj(x).view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        if past is not None:
            if past:
                key, value = torch.cat([past[0], key], 2), torch.cat([past[1], value], 2)
            past[:] = [key, value]
        if look is not None:
            look[:] = [query[:, 0], key[:, 0]]
        mixed = functional.scaled_dot_product_attention(
            query,
            key,
            value,
            is_causal=self.causal and length > 1,
        )
        return self.out_proj(mixed.transpose(1, 2).reshape(batch, length, width))


class MLP(nn.Module):
    """Four times as wide inside, erf-GELU."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.in_proj = nn.Linear(width, 4 * width, bias=False)
        self.out_proj = nn.Linear(4 * width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, width] to the same shape."""
        return self.out_proj(functional.gelu(self.in_proj(x)))


class Block(nn.Module):
    """Pre-norm attention and MLP, each added to its input."""

    def __init__(self, width: int, heads: int, *, causal: bool) -> None:
        super().__init__()
        self.layernorm_1 = nn.LayerNorm(width, eps=1e-5, bias=not causal)
        self.attn = Attention(width, heads, causal=causal)
        self.layernorm_2 = nn.LayerNorm(width, eps=1e-5, bias=not causal)
        self.mlp = MLP(width)

    def forward(
        self, x: Tensor, past: list[Tensor] | None = None, look: list[Tensor] | None = None
    ) -> Tensor:
        """[B, T, width] to the same shape; `past` and `look` as in `Attention`."""
        x = x + self.attn(self.layernorm_1(x), past, look)
        return x + self.mlp(self.layernorm_2(x))


def initialise(model: nn.Module, layers: int) -> None:
    """Normal weights of 0.02; those that write to the residual stream smaller with depth."""
    for name, parameter in model.named_parameters():
        if parameter.dim() == 2:
            shrink = math.sqrt(2 * layers) if name.endswith("out_proj.weight") else 1.0
            nn.init.normal_(parameter, 0.0, 0.02 / shrink)

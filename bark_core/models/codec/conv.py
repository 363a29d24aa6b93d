"""Causal convolutions as streams.

Arithmetic: EnCodec (Défossez et al. 2022, arXiv:2210.13438), facebookresearch/encodec
``encodec/modules/conv.py: SConv1d, SConvTranspose1d`` with ``causal=True, pad_mode="reflect"``.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from bark_core.models.codec.stream import Streamed, StreamingLayer


@dataclass(frozen=True, slots=True)
class ConvState:
    """What a convolution remembers.

    Attributes:
        started: Its left context exists.
        context: [C, padding] last inputs once started; before that all inputs so far (None: none).
    """

    started: bool
    context: Tensor | None


class CausalConv(StreamingLayer[ConvState]):
    """Convolution of stride 1, padded on the left by the reflection of its own first inputs.

    With ``padding`` = (kernel - 1) * dilation, output n needs inputs n - padding .. n, and inputs
    -padding .. -1 are inputs padding .. 1 mirrored: nothing can come out before padding + 1 inputs
    are there. A stream that ends before that is extended by zeros for the reflection only.
    """

    def __init__(self, inputs: int, outputs: int, kernel_size: int, dilation: int = 1) -> None:
        super().__init__()
        self.padding = (kernel_size - 1) * dilation
        self.conv = nn.Conv1d(inputs, outputs, kernel_size, dilation=dilation)

    def init_state(self) -> ConvState:
        """Not started."""
        return ConvState(started=self.padding == 0, context=None)

    def stream(self, x: Tensor, state: ConvState, *, final: bool) -> Streamed[ConvState]:
        """[C_in, N] -> [C_out, M]: M is N once started, and catches up when it starts."""
        x = x if state.context is None else torch.cat((state.context, x), dim=1)
        if not state.started:
            if x.shape[1] == 0 or (x.shape[1] <= self.padding and not final):
                return Streamed(self._nothing(x), ConvState(started=False, context=x))
            x = torch.cat((self._reflection(x), x), dim=1)
        if x.shape[1] <= self.padding:  # started, and no new input
            return Streamed(self._nothing(x), state)
        context = x[:, x.shape[1] - self.padding :] if self.padding else None
        return Streamed(self.conv(x), ConvState(started=True, context=context))

    def _reflection(self, x: Tensor) -> Tensor:
        """[C, N] -> [C, padding]: x[padding], ..., x[1], zeros where x is too short."""
        missing = max(0, self.padding + 1 - x.shape[1])
        return functional.pad(x, (0, missing))[:, 1 : self.padding + 1].flip(1)

    def _nothing(self, x: Tensor) -> Tensor:
        return x.new_empty(self.conv.out_channels, 0)


@dataclass(frozen=True, slots=True)
class OverlapState:
    """What a transposed convolution remembers.

    Attributes:
        overlap: [C_out, kernel - stride] what the inputs so far add to the next outputs, without
            bias. None: nothing yet.
    """

    overlap: Tensor | None


class CausalTransposedConv(StreamingLayer[OverlapState]):
    """Upsampling by ``stride``; what would come after the last input's own samples is dropped."""

    def __init__(self, inputs: int, outputs: int, kernel_size: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.conv = nn.ConvTranspose1d(inputs, outputs, kernel_size, stride)

    def init_state(self) -> OverlapState:
        """Silence before the start."""
        return OverlapState(overlap=None)

    def stream(self, x: Tensor, state: OverlapState, *, final: bool) -> Streamed[OverlapState]:
        """[C_in, N] -> [C_out, N * stride], at once."""
        del final
        count = x.shape[1] * self.stride
        if count == 0:
            return Streamed(x.new_empty(self.conv.out_channels, 0), state)
        y = functional.conv_transpose1d(x, self.conv.weight, stride=self.stride)
        if state.overlap is not None:
            y[:, : state.overlap.shape[1]] += state.overlap
        assert self.conv.bias is not None
        output = y[:, :count] + self.conv.bias[:, None]
        return Streamed(output, OverlapState(overlap=y[:, count:]))

"""The other layers of EnCodec's decoder as streams: LSTM, residual block, ELU.

Arithmetic: facebookresearch/encodec ``encodec/modules/{lstm,seanet}.py``; there the LSTM starts
from zero at every call, here its state goes on.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from bark_core.models.codec.conv import CausalConv, ConvState
from bark_core.models.codec.stream import Streamed, StreamingLayer


@dataclass(frozen=True, slots=True)
class LstmState:
    """Hidden and cell state, each [n_layers, C]; None means zeros."""

    hidden_and_cell: tuple[Tensor, Tensor] | None


class SkipLstm(StreamingLayer[LstmState]):
    """x + LSTM(x) along time."""

    def __init__(self, width: int, n_layers: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(width, width, n_layers)

    def init_state(self) -> LstmState:
        """Zeros."""
        return LstmState(hidden_and_cell=None)

    def stream(self, x: Tensor, state: LstmState, *, final: bool) -> Streamed[LstmState]:
        """[C, N] -> [C, N], at once."""
        del final
        if x.shape[1] == 0:
            return Streamed(x, state)
        y, (hidden, cell) = self.lstm(x.t(), state.hidden_and_cell)
        return Streamed(y.t() + x, LstmState(hidden_and_cell=(hidden, cell)))


@dataclass(frozen=True, slots=True)
class ResidualState:
    """What a residual block remembers.

    Attributes:
        first: Of the branch's convolution that looks back.
        second: Of its last convolution (kernel 1: nothing to remember).
        held: [C, N] inputs whose branch output has not come yet; they wait for it.
    """

    first: ConvState
    second: ConvState
    held: Tensor | None


class ResidualBlock(StreamingLayer[ResidualState]):
    """shortcut(x) + conv1(elu(conv_k(elu(x)))).

    The branch comes late at the very start (its convolution waits for its reflection), so the
    shortcut's input is held back by as much.
    """

    def __init__(self, width: int, hidden: int, kernel_size: int, dilation: int) -> None:
        super().__init__()
        self.block = nn.ModuleList(
            (
                nn.ELU(),
                CausalConv(width, hidden, kernel_size, dilation),
                nn.ELU(),
                CausalConv(hidden, width, 1),
            )
        )
        self.shortcut = CausalConv(width, width, 1)

    def init_state(self) -> ResidualState:
        """Nothing held."""
        first, second = self._convolutions()
        return ResidualState(first.init_state(), second.init_state(), held=None)

    def stream(self, x: Tensor, state: ResidualState, *, final: bool) -> Streamed[ResidualState]:
        """[C, N] -> [C, M]: M is N but for the start."""
        first, second = self._convolutions()
        y, first_state = first.stream(functional.elu(x), state.first, final=final)
        y, second_state = second.stream(functional.elu(y), state.second, final=final)
        held = x if state.held is None else torch.cat((state.held, x), dim=1)
        count = y.shape[1]
        if count:
            # A kernel of one: it can be applied without its stream.
            y = self.shortcut.conv(held[:, :count]) + y
        return Streamed(y, ResidualState(first_state, second_state, held[:, count:]))

    def _convolutions(self) -> tuple[CausalConv, CausalConv]:
        first, second = self.block[1], self.block[3]
        assert isinstance(first, CausalConv)
        assert isinstance(second, CausalConv)
        return first, second


class Elu(StreamingLayer[None]):
    """max(0, x) + min(0, exp(x) - 1). Remembers nothing."""

    def init_state(self) -> None:
        """Nothing."""

    def stream(self, x: Tensor, state: None, *, final: bool) -> Streamed[None]:
        """[C, N] -> [C, N]."""
        del final
        return Streamed(functional.elu(x), state)

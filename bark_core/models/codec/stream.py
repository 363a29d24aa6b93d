"""What every layer of the streaming decoder is."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Generic, NamedTuple, TypeVar

from torch import Tensor, nn

StateT = TypeVar("StateT")


class Streamed(NamedTuple, Generic[StateT]):
    """A layer's output and what it has to remember."""

    output: Tensor  # [C, N], N >= 0
    state: StateT


class StreamingLayer(nn.Module, Generic[StateT]):
    """A causal layer that takes its input in pieces.

    States are immutable: a layer returns a new one and never writes into the old one, so a failed
    call leaves its stream where it was.
    """

    @abstractmethod
    def init_state(self) -> StateT:
        """State before the first input."""

    @abstractmethod
    def stream(self, x: Tensor, state: StateT, *, final: bool) -> Streamed[StateT]:
        """Take the next input.

        Args:
            x: [C, N], N >= 0.
            state: What the last call returned, or ``init_state()``.
            final: No input follows: give out everything.
        """


AnyLayer = StreamingLayer[Any]

"""EnCodec's decoder: codes in, samples out, in pieces of any size.

Architecture: SEANet decoder (arXiv:2210.13438, section 3.1), facebookresearch/encodec
``encodec/modules/seanet.py: SEANetDecoder``; tensor names: the ``transformers`` package's
``EncodecModel``, weight norm folded.

In the published codec only the first convolution needs look-ahead: 7 frames must be there before
the first sample; after that every frame gives its 320 samples at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from bark_core.config import CodecConfig, exact_div
from bark_core.models.codec.conv import CausalConv, CausalTransposedConv
from bark_core.models.codec.layers import Elu, ResidualBlock, SkipLstm
from bark_core.models.codec.quantizer import Quantizer
from bark_core.models.codec.stream import AnyLayer, StreamingLayer


@dataclass(frozen=True, slots=True)
class DecoderState:
    """Where one stream stands. Immutable: a decode returns a new one.

    Attributes:
        layers: Each layer's own state (ConvState, LstmState, OverlapState, ResidualState, None).
    """

    layers: tuple[Any, ...]


class SeanetDecoder(nn.Module):
    """The chain of layers, numbered as in the published checkpoints."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        width = config.n_filters * 2 ** len(config.upsampling_ratios)
        layers: list[AnyLayer] = [
            CausalConv(config.hidden_size, width, config.kernel_size),
            SkipLstm(width, config.n_lstm_layers),
        ]
        for ratio in config.upsampling_ratios:
            layers += [Elu(), CausalTransposedConv(width, width // 2, 2 * ratio, ratio)]
            width = exact_div(width, 2)
            layers += [
                ResidualBlock(
                    width,
                    exact_div(width, config.compress),
                    config.residual_kernel_size,
                    dilation=config.dilation_growth_rate**depth,
                )
                for depth in range(config.n_residual_layers)
            ]
        layers += [Elu(), CausalConv(width, 1, config.last_kernel_size)]
        self.layers = nn.ModuleList(layers)

    def chain(self) -> tuple[AnyLayer, ...]:
        """The layers with their type."""
        layers = tuple(layer for layer in self.layers if isinstance(layer, StreamingLayer))
        assert len(layers) == len(self.layers)
        return layers


class CodecDecoder(nn.Module):
    """Quantiser and decoder."""

    def __init__(self, config: CodecConfig, n_codebooks: int) -> None:
        super().__init__()
        self.config = config
        self.quantizer = Quantizer(n_codebooks, config.codebook_size, config.hidden_size)
        self.decoder = SeanetDecoder(config)

    def init_state(self) -> DecoderState:
        """State of a stream before its first frame."""
        return DecoderState(tuple(layer.init_state() for layer in self.decoder.chain()))

    def decode(
        self, codes: Tensor, state: DecoderState, *, final: bool
    ) -> tuple[Tensor, DecoderState]:
        """Decode the next frames of a stream.

        Args:
            codes: [K, T] codes, T >= 0.
            state: What the last call returned, or ``init_state()``.
            final: No frame follows: give out everything. The returned state is then of no use.

        Returns:
            [N] samples, not clipped, and the new state. Over a whole stream N sums up to
            T * hop_samples; before the look-ahead is there N is 0.
        """
        x = self.quantizer(codes)  # [C, T]
        states = []
        for layer, layer_state in zip(self.decoder.chain(), state.layers, strict=True):
            x, new_state = layer.stream(x, layer_state, final=final)
            states.append(new_state)
        return x[0], DecoderState(tuple(states))

"""EnCodec's encoder and decoder, with layer numbers as in HF's EncodecModel.

Weights are trained plain; `training.export` writes them in weight-norm form, which is the same
function. All convolutions are causal: padded by reflection on the left, transposed ones cut on
the right.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class SeanetSizes:
    """Sizes with EncodecConfig's meaning."""

    latent: int = 64
    filters: int = 16
    ratios: tuple[int, ...] = (8, 5, 4, 2)
    lstm_layers: int = 2
    kernel: int = 7
    residual_kernel: int = 3
    compress: int = 2

    def channels(self) -> list[int]:
        """Channels from the frame rate up to the sample rate: one more than ratios."""
        return [self.filters * 2**power for power in range(len(self.ratios), -1, -1)]


class Conv(nn.Module):
    """Causal convolution."""

    def __init__(self, inside: int, outside: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inside, outside, kernel, stride)
        self.before = kernel - stride

    def forward(self, x: Tensor) -> Tensor:
        """[B, inside, T] to [B, outside, ceil(T / stride)]."""
        stride = self.conv.stride[0]
        extra = -x.shape[-1] % stride  # the last, partial step
        return self.conv(_reflect(x, self.before, extra))


class ConvUp(nn.Module):
    """Causal transposed convolution, `stride` times as many steps out as in."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose1d(inside, outside, 2 * stride, stride)

    def forward(self, x: Tensor) -> Tensor:
        """[B, inside, T] to [B, outside, stride T]."""
        return self.conv(x)[..., : x.shape[-1] * self.conv.stride[0]]


class Recurrent(nn.Module):
    """LSTM over time, added to its input."""

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(width, width, layers)

    def forward(self, x: Tensor) -> Tensor:
        """[B, width, T] to the same shape."""
        steps = x.permute(2, 0, 1)
        return (self.lstm(steps)[0] + steps).permute(1, 2, 0)


class Residual(nn.Module):
    """Two convolutions with a convolved shortcut."""

    def __init__(self, width: int, sizes: SeanetSizes) -> None:
        super().__init__()
        inner = width // sizes.compress
        self.block = nn.ModuleList(
            [nn.ELU(), Conv(width, inner, sizes.residual_kernel), nn.ELU(), Conv(inner, width, 1)]
        )
        self.shortcut = Conv(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[B, width, T] to the same shape."""
        y = x
        for layer in self.block:
            y = layer(y)
        return self.shortcut(x) + y


class Decoder(nn.Module):
    """[B, latent, T] to [B, 1, 320 T]."""

    def __init__(self, sizes: SeanetSizes) -> None:
        super().__init__()
        channels = sizes.channels()
        layers: list[nn.Module] = [
            Conv(sizes.latent, channels[0], sizes.kernel),
            Recurrent(channels[0], sizes.lstm_layers),
        ]
        for ratio, (wide, narrow) in zip(sizes.ratios, pairwise(channels), strict=True):
            layers += [nn.ELU(), ConvUp(wide, narrow, ratio), Residual(narrow, sizes)]
        layers += [nn.ELU(), Conv(channels[-1], 1, sizes.kernel)]
        self.layers = nn.ModuleList(layers)

    def forward(self, latents: Tensor) -> Tensor:
        """[B, latent, T] to [B, 1, 320 T]."""
        return self.upsample(self.remember(latents))

    def remember(self, latents: Tensor) -> Tensor:
        """[B, wide, T] after the memory, before the first upsampling."""
        return self.layers[1](self.layers[0](latents))

    def upsample(self, x: Tensor) -> Tensor:
        """What follows `remember`."""
        for layer in self.layers[2:]:
            x = layer(x)
        return x


class Encoder(nn.Module):
    """[B, 1, 320 T] to [B, latent, T]."""

    def __init__(self, sizes: SeanetSizes) -> None:
        super().__init__()
        channels = sizes.channels()[::-1]
        layers: list[nn.Module] = [Conv(1, channels[0], sizes.kernel)]
        for ratio, (narrow, wide) in zip(sizes.ratios[::-1], pairwise(channels), strict=True):
            layers += [Residual(narrow, sizes), nn.ELU(), Conv(narrow, wide, 2 * ratio, ratio)]
        layers += [
            Recurrent(channels[-1], sizes.lstm_layers),
            nn.ELU(),
            Conv(channels[-1], sizes.latent, sizes.kernel),
        ]
        self.layers = nn.ModuleList(layers)

    def forward(self, audio: Tensor) -> Tensor:
        """[B, 1, 320 T] to [B, latent, T]."""
        for layer in self.layers:
            audio = layer(audio)
        return audio


def keep_variance(module: nn.Module, last_gain: float = 1.0) -> None:
    """Initialise all convolutions so that the signal neither shrinks nor grows on its way.

    With torch's own initialisation it shrinks a hundredfold and training stalls at the mean
    spectrum.
    """
    layers = [m for m in module.modules() if isinstance(m, nn.Conv1d | nn.ConvTranspose1d)]
    for layer in layers:
        weight = layer.weight
        taps = weight.shape[2]
        if isinstance(layer, nn.Conv1d):
            fan = weight.shape[1] * taps
        else:
            fan = weight.shape[0] * taps // layer.stride[0]
        gain = 1.2 / math.sqrt(fan)
        if layer is layers[-1]:
            gain *= last_gain
        with torch.no_grad():
            weight.normal_(0.0, gain)
            if layer.bias is not None:
                layer.bias.zero_()


def _reflect(x: Tensor, before: int, after: int) -> Tensor:
    """Reflection on both sides, also of signals shorter than the padding."""
    longest = max(before, after)
    if longest == 0:
        return x
    extra = max(0, longest - x.shape[-1] + 1)
    if extra:
        x = functional.pad(x, (0, extra))
    padded = functional.pad(x, (before, after), mode="reflect")
    return padded[..., : padded.shape[-1] - extra] if extra else padded

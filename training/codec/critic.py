"""Critics of the adversarial refinement: small networks that look at complex spectrograms.

After the multi-scale STFT discriminator of EnCodec (arXiv:2210.13438, section 3.4), much thinner.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

SCALES = (1024, 512, 256)


class SpectrumCritic(nn.Module):
    """Scores patches of a spectrogram at one resolution."""

    window: Tensor

    def __init__(self, length: int, width: int) -> None:
        super().__init__()
        self.length = length
        self.register_buffer("window", torch.hann_window(length), persistent=False)
        layers = [nn.Conv2d(2, width, (3, 9), padding=(1, 4))]
        layers.extend(
            nn.Conv2d(width, width, (3, 9), stride=(1, 2), dilation=(reach, 1), padding=(reach, 4))
            for reach in (1, 2, 4)
        )
        self.layers = nn.ModuleList(nn.utils.parametrizations.weight_norm(c) for c in layers)
        self.last = nn.utils.parametrizations.weight_norm(nn.Conv2d(width, 1, 3, padding=1))

    def forward(self, audio: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Scores of audio [B, samples], and what each layer saw."""
        spectrum = torch.stft(
            audio, self.length, self.length // 4, window=self.window, return_complex=True
        )
        x = torch.view_as_real(spectrum).permute(0, 3, 2, 1) * (8.0 / self.length**0.5)
        seen = []
        for layer in self.layers:
            x = functional.leaky_relu(layer(x), 0.2)
            seen.append(x)
        return self.last(x), seen


class Critics(nn.Module):
    """One critic for each of `SCALES`."""

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        self.parts = nn.ModuleList(SpectrumCritic(length, width) for length in SCALES)

    def forward(self, audio: Tensor) -> list[tuple[Tensor, list[Tensor]]]:
        """Scores and layers of every critic."""
        return [part(audio) for part in self.parts]


Verdicts = list[tuple[Tensor, list[Tensor]]]


def critic_loss(real: Verdicts, made: Verdicts) -> Tensor:
    """Hinge loss of the critics."""
    parts = [
        functional.relu(1 - r).mean() + functional.relu(1 + m).mean()
        for (r, _), (m, _) in zip(real, made, strict=True)
    ]
    return torch.stack(parts).mean()


def maker_losses(real: Verdicts, made: Verdicts) -> tuple[Tensor, Tensor]:
    """What the decoder wants: to please, and to look the same in every layer."""
    please = torch.stack([functional.relu(1 - score).mean() for score, _ in made]).mean()
    distances = [
        (a.detach() - b).abs().mean() / (a.detach().abs().mean() + 1e-5)
        for (_, left), (_, right) in zip(real, made, strict=True)
        for a, b in zip(left, right, strict=True)
    ]
    return please, torch.stack(distances).mean()

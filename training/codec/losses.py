"""How far a rendering is from its target, in magnitudes at several resolutions and in phase."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.codec.features import mel_filters

_FLOOR = 1e-3


class Spectrum(nn.Module):
    """One resolution: complex spectrum, and mel bands of its magnitude."""

    window: Tensor
    filters: Tensor

    def __init__(self, length: int, bands: int) -> None:
        super().__init__()
        self.length = length
        self.register_buffer("window", torch.hann_window(length), persistent=False)
        filters = torch.from_numpy(mel_filters(bands, length))
        self.register_buffer("filters", filters, persistent=False)

    def forward(self, audio: Tensor) -> Tensor:
        """[B, samples] to [B, length // 2 + 1, frames] complex, a full-scale sine near one."""
        spectrum = torch.stft(
            audio, self.length, self.length // 4, window=self.window, return_complex=True
        )
        return spectrum * (4.0 / self.length)

    def bands(self, spectrum: Tensor) -> Tensor:
        """[B, bands, frames] mel magnitudes."""
        power = spectrum.real.square() + spectrum.imag.square()
        return self.filters @ (power + 1e-12).sqrt()


class SpectralLoss(nn.Module):
    """Differences of log and linear mel magnitudes, and of the spectrum of voiced harmonics."""

    def __init__(
        self,
        resolutions: tuple[tuple[int, int], ...] = (
            (256, 32),
            (512, 64),
            (1024, 80),
            (2048, 120),
        ),
        phase_resolution: int = 512,
    ) -> None:
        """Losses at (window, bands) `resolutions`; phase is compared at one window."""
        super().__init__()
        self.spectra = nn.ModuleList(Spectrum(*pair) for pair in resolutions)
        self.phase = Spectrum(phase_resolution, 64)

    def forward(self, made: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Losses of audio [B, samples]: `log`, `linear`, `complex`, each of order one or less."""
        log = linear = made.new_zeros(())
        for spectrum in self.spectra:
            ours = spectrum.bands(spectrum(made))
            theirs = spectrum.bands(spectrum(target))
            difference = ((ours + _FLOOR) / (theirs + _FLOOR)).log()
            log = log + difference.abs().mean() + 0.15 * difference.square().mean()
            linear = linear + (ours - theirs).abs().mean() / (theirs.mean() + 1e-4)
        ours, theirs = self.phase(made), self.phase(target)
        # Square roots of magnitudes, so that formants and weak harmonics count as well.
        size = theirs.abs().square().add(1e-5).pow(-0.25)
        error = (ours - theirs).abs() * size
        complex_error = error.mean() / (theirs.abs() * size).mean().add(1e-3)
        count = len(self.spectra)
        return {"log": log / count, "linear": linear / count, "complex": complex_error}


def phase_targets(cycles: Tensor) -> Tensor:
    """[..., 2] cosine and sine of positions in the pitch cycle."""
    angle = 2 * math.pi * cycles
    return torch.stack([angle.cos(), angle.sin()], -1)


def phase_loss(made: Tensor, cycles: Tensor, voiced: Tensor) -> Tensor:
    """Mean squared error of predicted phase [B, T, 2] over voiced frames [B, T]."""
    error = functional.mse_loss(made, phase_targets(cycles), reduction="none").mean(-1)
    return (error * voiced).sum() / voiced.sum().clamp(min=1)

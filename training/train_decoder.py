"""Step 5: train the codec's decoder and its tables to render codes; resumes where it stopped.

    python -m training.train_decoder --root DIR [--minutes 60] [--total 40000]

Codes are fixed. The tables start as the codebooks made them and are trained along, as is, for a
while, a small probe that makes the memory keep the phase of the voice.
"""

import argparse
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn

from training.codec.codebooks import LATENT, Codebooks
from training.codec.data import CodedAudio
from training.codec.losses import SpectralLoss, phase_loss
from training.codec.seanet import Decoder, SeanetSizes, keep_variance
from training.loop import Loop, be_polite
from training.recipe import Recipe

_COMPLEX = 0.3  # weight of the phase of the waveform, which takes long to be found


class Renderer(nn.Module):
    """Codes to audio: eight tables, summed, and the decoder."""

    def __init__(self, sizes: SeanetSizes) -> None:
        super().__init__()
        self.sizes = sizes
        recipe = Recipe()
        self.tables = nn.Parameter(torch.zeros(recipe.codebooks, recipe.codebook_size, LATENT))
        self.decoder = Decoder(sizes)

    def latents(self, codes: Tensor) -> Tensor:
        """[B, 8, T] codes to [B, 64, T]."""
        rows = [self.tables[book][codes[:, book]] for book in range(codes.shape[1])]
        return torch.stack(rows).sum(0).transpose(1, 2)

    def forward(self, codes: Tensor) -> Tensor:
        """[B, 8, T] codes to [B, 320 T] audio."""
        return self.decoder(self.latents(codes))[:, 0]


def fresh(root: Path, sizes: SeanetSizes) -> Renderer:
    """A renderer with the codebooks of `root` and untrained convolutions."""
    renderer = Renderer(sizes)
    renderer.tables.data = torch.from_numpy(Codebooks.load(str(root / "codebooks.npz")).tables)
    keep_variance(renderer.decoder, last_gain=0.02)
    return renderer


def main(arguments: list[str] | None = None) -> None:
    """Command line of this step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=1e9)
    parser.add_argument("--total", type=int, default=40_000, help="steps of the whole schedule")
    parser.add_argument("--frames", type=int, default=72)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rate", type=float, default=6e-4)
    parser.add_argument("--filters", type=int, default=16)
    options = parser.parse_args(arguments)
    be_polite()
    sizes = SeanetSizes(filters=options.filters)
    renderer = fresh(options.root, sizes)
    probe = nn.Linear(sizes.channels()[0], 2)
    loss = SpectralLoss()
    parameters = [*renderer.parameters(), *probe.parameters()]
    optimizer = torch.optim.AdamW(
        parameters, options.rate, betas=(0.8, 0.99), weight_decay=1e-4, foreach=True
    )
    loop = Loop(
        options.root / "checkpoints" / "decoder.pt",
        {"renderer": renderer, "probe": probe},
        {"all": optimizer},
        options.total,
        {"sizes": asdict(sizes)},
    )
    data = CodedAudio(options.root, options.frames, seed=loop.step)
    print(f"{data.refresh():.2f} h of speech", flush=True)
    for step in loop.steps(options.minutes):
        if step % 200 == 199:
            data.refresh()
        batch = data.batch(options.batch)
        memory = renderer.decoder.remember(renderer.latents(batch.codes))
        made = renderer.decoder.upsample(memory)[:, 0]
        parts = loss(made, batch.audio)
        phase = phase_loss(probe(memory.transpose(1, 2)), batch.cycles, batch.voiced)
        total = parts["log"] + parts["linear"] + _COMPLEX * parts["complex"] + phase
        optimizer.zero_grad()
        total.backward()
        norm = nn.utils.clip_grad_norm_(parameters, 1.0, foreach=True)
        optimizer.step()
        values = {name: float(value.detach()) for name, value in parts.items()}
        loop.note(**values, phase=float(phase.detach()), norm=float(norm))


if __name__ == "__main__":
    main()

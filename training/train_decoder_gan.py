"""Step 5b: refine the decoder against critics, for a natural sound; resumes where it stopped.

    python -m training.train_decoder_gan --root DIR [--minutes 60] [--total 20000]

Starts from `decoder.pt`. Codes stay as they are, so the transformers need not be trained again.
"""

import argparse
from dataclasses import asdict
from pathlib import Path

import torch
from torch import nn

from training.codec.critic import Critics, critic_loss, maker_losses
from training.codec.data import CodedAudio
from training.codec.losses import SpectralLoss
from training.codec.seanet import SeanetSizes
from training.loop import Loop, be_polite, load
from training.train_decoder import Renderer

_PLEASE, _SAME, _SPECTRAL = 1.0, 2.0, 2.0
_CRITICS_EVERY = 2


def main(arguments: list[str] | None = None) -> None:
    """Command line of this step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=1e9)
    parser.add_argument("--total", type=int, default=20_000)
    parser.add_argument("--frames", type=int, default=72)
    parser.add_argument("--batch", type=int, default=6)
    parser.add_argument("--rate", type=float, default=3e-4)
    options = parser.parse_args(arguments)
    be_polite()
    folder = options.root / "checkpoints"
    start = load(folder / "decoder.pt")
    sizes = SeanetSizes(**start["about"]["sizes"])
    renderer, critics, loss = Renderer(sizes), Critics(), SpectralLoss()
    renderer.load_state_dict(start["modules"]["renderer"])
    maker = torch.optim.AdamW(renderer.parameters(), options.rate, betas=(0.8, 0.99), foreach=True)
    critic = torch.optim.AdamW(critics.parameters(), options.rate, betas=(0.8, 0.99), foreach=True)
    loop = Loop(
        folder / "decoder_gan.pt",
        {"renderer": renderer, "critics": critics},
        {"maker": maker, "critic": critic},
        options.total,
        {"sizes": asdict(sizes)},
    )
    data = CodedAudio(options.root, options.frames, seed=loop.step)
    for step in loop.steps(options.minutes):
        if step % 200 == 199:
            data.refresh()
        batch = data.batch(options.batch)
        made = renderer(batch.codes)
        if step % _CRITICS_EVERY == 0:
            verdict = critic_loss(critics(batch.audio), critics(made.detach()))
            critic.zero_grad()
            verdict.backward()
            nn.utils.clip_grad_norm_(critics.parameters(), 5.0, foreach=True)
            critic.step()
            loop.note(critic=float(verdict.detach()))
        parts = loss(made, batch.audio)
        critics.requires_grad_(requires_grad=False)
        with torch.no_grad():
            real = critics(batch.audio)
        please, same = maker_losses(real, critics(made))
        critics.requires_grad_(requires_grad=True)
        ramp = min(1.0, step / 500)
        total = _SPECTRAL * (parts["log"] + parts["linear"] + 0.5 * parts["complex"])
        total = total + ramp * (_PLEASE * please + _SAME * same)
        maker.zero_grad()
        total.backward()
        nn.utils.clip_grad_norm_(renderer.parameters(), 2.0, foreach=True)
        maker.step()
        values = {name: float(value.detach()) for name, value in parts.items()}
        loop.note(**values, please=float(please.detach()), same=float(same.detach()))


if __name__ == "__main__":
    main()

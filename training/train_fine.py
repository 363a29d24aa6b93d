"""Step 8: train coarse to fine; resumes where it stopped.

python -m training.train_fine --root DIR [--minutes 60] [--total 20000]
"""

import argparse
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from training.codec.codebooks import Codebooks
from training.codec.slips import slip
from training.data import Sequences
from training.layout import fine as layout
from training.layout.semantic import IGNORED
from training.loop import Loop, be_polite
from training.models.fine import FineModel, FineSizes, know_codebooks
from training.recipe import Recipe
from training.tokens.ids import Ids, token_ids

_NO_VOICE = 0.15
_SLIPPED = 0.7  # share of utterances with mistakes in the coarse codes
_EARLY = 0.4  # share of utterances cut short, as a streaming server fills its first chunks


def examples(
    data: Sequences, count: int, book: int, books: Codebooks, recipe: Recipe, ids: Ids
) -> tuple[Tensor, Tensor]:
    """`count` random windows for one book: inputs [B, 8, 256] and targets [B, 256]."""
    random = data.random
    inputs, targets = [], []
    for _ in range(count):
        row = data.pick()
        history = np.zeros((recipe.codebooks, 0), np.int64)
        codes = row.codes
        if random.random() >= _NO_VOICE:
            history = data.pick_prompt(row.voice).codes[:, -recipe.max_fine_history :]
        if random.random() < _EARLY:
            codes = codes[:, : int(random.integers(4, codes.shape[1] + 1))]
        if random.random() < _SLIPPED:
            codes = slip(codes, books, random.random(), book + 1, random)
        number = int(random.integers(len(layout.windows(history.shape[1], codes.shape[1], recipe))))
        x, y = layout.example(history, codes, number, book, recipe, ids)
        inputs.append(x)
        targets.append(y)
    return torch.from_numpy(np.stack(inputs)), torch.from_numpy(np.stack(targets))


def loss_of(model: FineModel, inputs: Tensor, targets: Tensor, book: int, ids: Ids) -> Tensor:
    """Mean cross-entropy over the columns that hold speech, in nats; the rest counts little."""
    logits = model(inputs, book)[..., : ids.codebook_size]
    each = functional.cross_entropy(
        logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="none"
    ).view_as(targets)
    ended = inputs[:, 0] == ids.fine_pad
    weight = torch.where(ended, 0.02, 1.0) * (targets != IGNORED)
    return (each * weight).sum() / weight.sum().clamp(min=1.0)


def main(arguments: list[str] | None = None) -> None:
    """Command line of this step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=1e9)
    parser.add_argument("--total", type=int, default=20_000)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--width", type=int, default=192)
    parser.add_argument("--dropout", type=float, default=0.05)
    options = parser.parse_args(arguments)
    be_polite()
    recipe = Recipe()
    ids = token_ids(recipe)
    shape = FineSizes(
        recipe.max_fine_input,
        options.layers,
        options.width // 64,
        options.width,
        recipe.codebooks,
        options.dropout,
    )
    model = FineModel(shape)
    codebooks = Codebooks.load(str(options.root / "codebooks.npz"))
    know_codebooks(model, codebooks.tables)
    optimizer = torch.optim.AdamW(
        model.parameters(), options.rate, betas=(0.9, 0.95), weight_decay=0.05, foreach=True
    )
    loop = Loop(
        options.root / "checkpoints" / "fine.pt",
        {"model": model},
        {"all": optimizer},
        options.total,
        {"sizes": asdict(shape)},
    )
    data = Sequences(options.root / "tokens" / "front", seed=loop.step)
    unseen = Sequences(options.root / "tokens" / "held_out", seed=0)
    books = range(recipe.coarse_codebooks, recipe.codebooks)
    test = {book: examples(unseen, 8, book, codebooks, recipe, ids) for book in books}
    print(f"{data.refresh():.2f} h of speech", flush=True)
    for step in loop.steps(options.minutes):
        if step % 300 == 0:
            data.refresh()
            model.eval()
            with torch.inference_mode():
                found = {f"held_out_{b}": float(loss_of(model, *test[b], b, ids)) for b in books}
            loop.record(**found)
            model.train()
        book = int(data.random.choice(books))
        inputs, targets = examples(data, options.batch, book, codebooks, recipe, ids)
        loss = loss_of(model, inputs, targets, book, ids)
        loop.learn(loss)
        loop.note(**{f"book_{book}": float(loss.detach())})


if __name__ == "__main__":
    main()

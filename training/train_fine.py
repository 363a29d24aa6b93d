"""Step 8: train coarse to fine; resumes where it stopped.

python -m training.train_fine --root DIR [--minutes 60] [--total 20000]
"""

import argparse
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from training.codec.codebooks import MEL_PARTS, Codebooks
from training.codec.risk import distances_of, risk, sounds, spectra
from training.codec.slips import slip
from training.data import Sequences
from training.layout import fine as layout
from training.layout.semantic import IGNORED
from training.loop import Loop, be_polite
from training.models.aligned import look_around
from training.models.fine import FineModel, FineSizes, know_codebooks
from training.recipe import Recipe
from training.tokenised import Tokenised, retellings
from training.tokens.ids import Ids, token_ids

_NO_VOICE = 0.15
_SAID = 0.75  # share of utterances with what the coarse stage made of them, once that is known
_SLIPPED = 0.7  # share of the others with mistakes in the coarse codes
# Shares of steps that learn books 2 to 7: the first can mend most, and costs least to learn.
_BOOK_SHARES = (0.5, 0.22, 0.1, 0.06, 0.06, 0.06)
_WEIGHTS = torch.tensor([1.0, 0.1, 0.02, 1.0])
_EARLY = 0.4  # share of utterances cut short, as a streaming server fills its first chunks


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """Windows to be filled.

    Attributes:
        inputs: [B, 8, 256] codes, later books than the first two not known yet.
        fresh: [B, 256] whether a column is to be filled, or was before the end.
        codes: [B, 8, 256] what was spoken, without mistakes; pads after the end.
    """

    inputs: Tensor
    fresh: Tensor
    codes: Tensor


def examples(
    data: Sequences,
    retold: list[tuple[Tokenised, Tokenised]],
    count: int,
    books: Codebooks,
    recipe: Recipe,
    ids: Ids,
) -> Windows:
    """`count` random windows of which the first two books are known.

    Args:
        data: what was spoken.
        retold: rows, and what the coarse stage made of each; may be empty.
        count: of windows.
        books: the codebooks.
        recipe: for the lengths.
        ids: of the pads.
    """
    random = data.random
    first = recipe.coarse_codebooks
    inputs, fresh, spoken = [], [], []
    for _ in range(count):
        row = said = data.pick()
        if retold and random.random() < _SAID:
            row, said = retold[int(random.integers(len(retold)))]
        history = np.zeros((recipe.codebooks, 0), np.int64)
        codes, coarse = row.codes, said.codes
        if random.random() >= _NO_VOICE:
            history = data.pick_prompt(row.voice).codes[:, -recipe.max_fine_history :]
        if random.random() < _EARLY:
            end = int(random.integers(4, codes.shape[1] + 1))
            codes, coarse = codes[:, :end], coarse[:, :end]
        if said is row and random.random() < _SLIPPED:
            coarse = slip(codes, books, random.random(), first, random)
        number = int(random.integers(len(layout.windows(history.shape[1], codes.shape[1], recipe))))
        x, y = layout.example(history, coarse, number, first, recipe, ids)
        inputs.append(x)
        fresh.append(y != IGNORED)
        spoken.append(layout.columns(history, codes, number, recipe, ids))
    stacked = (torch.from_numpy(np.stack(parts)) for parts in (inputs, fresh, spoken))
    return Windows(*stacked)


@torch.no_grad()
def filled(model: FineModel, windows: Windows, book: int, recipe: Recipe, ids: Ids) -> Tensor:
    """[B, 8, 256] inputs whose books up to `book` are what the network itself says.

    That is what it will read once nobody tells it what was spoken.
    """
    result = windows.inputs.clone()
    ended = windows.codes[:, 0] == ids.fine_pad
    for number in range(recipe.coarse_codebooks, book):
        logits = model(result, number)[..., : ids.codebook_size]
        row = result[:, number]
        row[windows.fresh] = logits.argmax(-1)[windows.fresh]
        row[ended] = layout.AFTER_END
    return result


def losses(
    model: FineModel,
    ears: nn.ModuleList,
    inputs: Tensor,
    windows: Windows,
    book: int,
    tables: Tensor,
    ids: Ids,
) -> Tensor:
    """How far off `book` is.

    Args:
        model: the network.
        ears: one linear map a book, from hidden states to what is left to say.
        inputs: [B, 8, 256] with the books before it.
        windows: what was spoken.
        book: 2 to 7.
        tables: [8, 1024, 52].
        ids: of the pads.

    Returns:
        [4]: the `risk` of the book as a share of what the books before it have left to say; the
        cross-entropy of the code nearest to that, in nats; that of columns after the end; what the
        ears do not find, as a share.
    """
    hidden = model.hidden(inputs, book)
    logits = model.lm_heads[book - 1](hidden)[..., : ids.codebook_size]
    ended = windows.codes[:, 0] == ids.fine_pad
    sounding = windows.fresh & ~ended
    wanted = spectra(windows.codes.clamp(max=ids.codebook_size - 1), tables)
    said = spectra(inputs[:, :book].clamp(max=ids.codebook_size - 1), tables)
    rest = (wanted - said)[sounding]
    distances = distances_of(tables[book], rest)
    left = rest.square().sum(1).mean()
    after = functional.cross_entropy(
        logits[ended], torch.full((int(ended.sum()),), layout.AFTER_END)
    )
    return torch.stack(
        [
            risk(logits[sounding], distances).mean() / left,
            functional.cross_entropy(logits[sounding], distances.argmin(1)),
            after if ended.any() else torch.zeros(()),
            (ears[book](hidden[sounding]) - rest).square().sum(1).mean() / left,
        ]
    )


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
        options.width // 32,
        options.width,
        recipe.codebooks,
        options.dropout,
    )
    model = FineModel(shape)
    codebooks = Codebooks.load(str(options.root / "codebooks.npz"))
    tables = sounds(codebooks)
    know_codebooks(model, codebooks.tables)
    look_around(model)
    ears = nn.ModuleList(nn.Linear(options.width, MEL_PARTS) for _ in range(recipe.codebooks))
    optimizer = torch.optim.AdamW(
        model.parameters(), options.rate, betas=(0.9, 0.95), weight_decay=0.05, foreach=True
    )
    loop = Loop(
        options.root / "checkpoints" / "fine.pt",
        {"model": model, "ears": ears},
        {"all": optimizer, "ears": torch.optim.AdamW(ears.parameters(), options.rate)},
        options.total,
        {"sizes": asdict(shape)},
    )
    data = Sequences(options.root / "tokens" / "front", seed=loop.step)
    unseen = Sequences(options.root / "tokens" / "held_out", seed=0)
    books = range(recipe.coarse_codebooks, recipe.codebooks)
    test = examples(unseen, [], 8, codebooks, recipe, ids)
    print(f"{data.refresh():.2f} h of speech", flush=True)
    retold = retellings(options.root)
    for step in loop.steps(options.minutes):
        if step % 300 == 0:
            data.refresh()
            model.eval()
            with torch.inference_mode():
                loop.record(**_progress(model, ears, test, tables, recipe, ids))
            model.train()
        book = int(data.random.choice(books, p=_BOOK_SHARES))
        windows = examples(data, retold, options.batch, codebooks, recipe, ids)
        inputs = filled(model, windows, book, recipe, ids)
        parts = losses(model, ears, inputs, windows, book, tables, ids)
        loop.learn((parts * _WEIGHTS).sum())
        values = parts.tolist()
        loop.note(**{f"book_{book}": values[0], f"missed_{book}": values[3]})


def _progress(
    model: FineModel,
    ears: nn.ModuleList,
    test: Windows,
    tables: Tensor,
    recipe: Recipe,
    ids: Ids,
) -> dict[str, float]:
    """What each book leaves of what was left before it, said by the network itself."""
    result = {}
    for book in range(recipe.coarse_codebooks, recipe.codebooks):
        inputs = filled(model, test, book, recipe, ids)
        parts = losses(model, ears, inputs, test, book, tables, ids)
        result[f"held_out_{book}"] = float(parts[0])
    return result


if __name__ == "__main__":
    main()

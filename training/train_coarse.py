"""Step 7: train semantic to coarse; resumes where it stopped.

python -m training.train_coarse --root DIR [--minutes 60] [--total 30000]
"""

import argparse
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from training.data import Sequences
from training.layout import coarse as layout
from training.layout.semantic import IGNORED, stack
from training.loop import Loop, be_polite
from training.models.aligned import align
from training.models.causal import CausalModel, CausalSizes
from training.recipe import Recipe
from training.tokens.ids import Ids, token_ids
from training.tokens.semantic import POINTERS, point

_NO_VOICE = 0.15  # share of windows without a voice prompt
_CUT = 0.3  # share whose semantic slice ends early, as in streaming
_POINTED = 0.8  # share with pointers, which mean nothing here; where the text is unclear are none
_NOISY = 0.5  # share whose history has wrong tokens, as after a model's own mistakes
_NOISE = 0.08  # share of tokens wrong in those, at most


def sizes(recipe: Recipe, ids: Ids, layers: int, width: int, dropout: float) -> CausalSizes:
    """Sizes of the coarse network: positions for the longest window."""
    positions = recipe.max_coarse_input + 1 + recipe.max_coarse_history + recipe.sliding_window
    return CausalSizes(
        ids.coarse_inputs, ids.coarse_outputs, positions, layers, width // 64, width, dropout
    )


def examples(
    data: Sequences, count: int, recipe: Recipe, ids: Ids, *, clean: bool = False
) -> tuple[Tensor, Tensor]:
    """`count` random windows: inputs and targets [B, L]; `clean` ones have no noise."""
    random = data.random
    inputs, targets = [], []
    for _ in range(count):
        row = data.pick()
        prompt = layout.NO_VOICE
        if random.random() >= _NO_VOICE:
            other = data.pick_prompt(row.voice)
            prompt = layout.voice(other.semantic, other.codes, recipe, ids)
        semantic = row.semantic
        if random.random() < _POINTED:
            semantic = point(semantic, random.integers(0, POINTERS, len(semantic)))
        flat = layout.flatten(row.codes[: recipe.coarse_codebooks], ids)
        number = int(random.integers(layout.window_count(len(row.semantic), recipe)))
        ahead = int(random.integers(4, 22)) if random.random() < _CUT else None
        x, y = layout.window(prompt, semantic, flat, number, ahead, recipe, ids)
        if not clean and random.random() < _NOISY:
            x = _disturb(x, random.random() * _NOISE, recipe, random)
        inputs.append(x)
        targets.append(y)
    return (
        torch.from_numpy(stack(inputs, ids.coarse_pad)),
        torch.from_numpy(stack(targets, IGNORED)),
    )


def _disturb(
    inputs: np.ndarray, share: float, recipe: Recipe, random: np.random.Generator
) -> np.ndarray:
    """Replace some coarse tokens by those of a frame nearby: plausible, but wrong."""
    first = recipe.max_coarse_input + 1
    tokens = inputs[first:]
    shift = recipe.coarse_codebooks * random.integers(-2, 3, len(tokens))
    source = np.clip(np.arange(len(tokens)) + shift, 0, max(0, len(tokens) - 1))
    same_book = (source - np.arange(len(tokens))) % recipe.coarse_codebooks == 0
    wrong = (random.random(len(tokens)) < share) & same_book
    return np.concatenate([inputs[:first], np.where(wrong, tokens[source], tokens)])


def losses(model: CausalModel, inputs: Tensor, targets: Tensor, recipe: Recipe, ids: Ids) -> Tensor:
    """[2] mean cross-entropies of the two books, in nats; only a book's own ids compete."""
    hidden = model(model.embed(inputs))[:, recipe.max_coarse_input :]
    wanted = targets[:, recipe.max_coarse_input :]
    result = []
    for book in range(recipe.coarse_codebooks):
        first = ids.semantic_vocabulary + book * ids.codebook_size
        weight = model.lm_head.weight[first : first + ids.codebook_size]
        logits = hidden[:, book :: recipe.coarse_codebooks] @ weight.T
        answer = wanted[:, book :: recipe.coarse_codebooks]
        answer = torch.where(answer == IGNORED, answer, answer - first)
        result.append(
            functional.cross_entropy(logits.flatten(0, 1), answer.flatten(), ignore_index=IGNORED)
        )
    return torch.stack(result)


def main(arguments: list[str] | None = None) -> None:
    """Command line of this step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=1e9)
    parser.add_argument("--total", type=int, default=16_000)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--dropout", type=float, default=0.05)
    options = parser.parse_args(arguments)
    be_polite()
    recipe = Recipe()
    ids = token_ids(recipe)
    shape = sizes(recipe, ids, options.layers, options.width, options.dropout)
    model = CausalModel(shape)
    align(model, recipe)
    optimizer = torch.optim.AdamW(
        model.parameters(), options.rate, betas=(0.9, 0.95), weight_decay=0.05, foreach=True
    )
    loop = Loop(
        options.root / "checkpoints" / "coarse.pt",
        {"model": model},
        {"all": optimizer},
        options.total,
        {"sizes": asdict(shape)},
    )
    data = Sequences(options.root / "tokens" / "front", seed=loop.step)
    unseen = Sequences(options.root / "tokens" / "held_out", seed=0)
    test = examples(unseen, 32, recipe, ids, clean=True)
    print(f"{data.refresh():.2f} h of speech", flush=True)
    for step in loop.steps(options.minutes):
        if step % 200 == 0:
            data.refresh()
            model.eval()
            with torch.inference_mode():
                first, second = losses(model, *test, recipe, ids).tolist()
            loop.record(held_out_0=first, held_out_1=second)
            model.train()
        parts = losses(model, *examples(data, options.batch, recipe, ids), recipe, ids)
        optimizer.zero_grad()
        parts.sum().backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0, foreach=True)
        optimizer.step()
        loop.note(book_0=float(parts[0].detach()), book_1=float(parts[1].detach()))


if __name__ == "__main__":
    main()

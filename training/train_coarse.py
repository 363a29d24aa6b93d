"""Step 7: train semantic to coarse; resumes where it stopped.

python -m training.train_coarse --root DIR [--minutes 60] [--total 30000]
"""

import argparse
from dataclasses import asdict
from pathlib import Path

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
_OWN = 0.75  # share of windows that continue, in part, what the network itself would have said


def sizes(recipe: Recipe, ids: Ids, layers: int, width: int, dropout: float) -> CausalSizes:
    """Sizes of the coarse network: positions for the longest window."""
    positions = recipe.max_coarse_input + 1 + recipe.max_coarse_history + recipe.sliding_window
    return CausalSizes(
        ids.coarse_inputs, ids.coarse_outputs, positions, layers, width // 64, width, dropout
    )


def examples(data: Sequences, count: int, recipe: Recipe, ids: Ids) -> tuple[Tensor, Tensor]:
    """`count` random windows: inputs and targets [B, L]."""
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
        inputs.append(x)
        targets.append(y)
    return (
        torch.from_numpy(stack(inputs, ids.coarse_pad)),
        torch.from_numpy(stack(targets, IGNORED)),
    )


@torch.no_grad()
def own_words(
    model: CausalModel, inputs: Tensor, shares: Tensor, recipe: Recipe, ids: Ids
) -> Tensor:
    """Replace coarse tokens by what the network would have said there itself.

    A network that has only ever continued true speech drifts away once it has to continue its own
    (scheduled sampling in two passes: Mihaylova & Martins 2019, "Scheduled sampling for
    transformers"). What is wanted follows from the semantic tokens whatever has been said so far,
    so the targets stay.

    Args:
        model: as trained so far.
        inputs: [B, L] windows.
        shares: [B] of the tokens replaced.
        recipe: for the lengths.
        ids: of the books and pads.

    Returns:
        [B, L].
    """
    first = recipe.max_coarse_input + 1
    tokens = inputs[:, first:]
    hidden = model(model.embed(inputs[:, :-1]))[:, first - 1 :]
    said = torch.empty_like(tokens)
    for book in range(recipe.coarse_codebooks):
        begin, logits = _logits(model, hidden, book, recipe, ids)
        # The largest of logits with Gumbel noise is a draw from their softmax.
        noise = -torch.empty_like(logits).exponential_().log()
        said[:, book :: recipe.coarse_codebooks] = begin + (logits + noise).argmax(-1)
    replaced = (torch.rand(tokens.shape) < shares[:, None]) & (tokens != ids.coarse_pad)
    return torch.cat([inputs[:, :first], torch.where(replaced, said, tokens)], 1)


def _logits(
    model: CausalModel, hidden: Tensor, book: int, recipe: Recipe, ids: Ids
) -> tuple[int, Tensor]:
    """First id of a book, and the logits [B, T, 1024] of its tokens; hidden [B, 2 T, width]."""
    first = ids.semantic_vocabulary + book * ids.codebook_size
    weight = model.lm_head.weight[first : first + ids.codebook_size]
    return first, hidden[:, book :: recipe.coarse_codebooks] @ weight.T


def losses(model: CausalModel, inputs: Tensor, targets: Tensor, recipe: Recipe, ids: Ids) -> Tensor:
    """[2] mean cross-entropies of the two books, in nats; only a book's own ids compete."""
    hidden = model(model.embed(inputs))[:, recipe.max_coarse_input :]
    wanted = targets[:, recipe.max_coarse_input :]
    result = []
    for book in range(recipe.coarse_codebooks):
        first, logits = _logits(model, hidden, book, recipe, ids)
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
    test = examples(unseen, 32, recipe, ids)
    print(f"{data.refresh():.2f} h of speech", flush=True)
    for step in loop.steps(options.minutes):
        if step % 200 == 0:
            data.refresh()
            model.eval()
            with torch.inference_mode():
                first, second = losses(model, *test, recipe, ids).tolist()
            loop.record(held_out_0=first, held_out_1=second)
            model.train()
        inputs, targets = examples(data, options.batch, recipe, ids)
        shares = torch.rand(len(inputs)) * (torch.rand(len(inputs)) < _OWN)
        inputs = own_words(model, inputs, shares, recipe, ids)
        parts = losses(model, inputs, targets, recipe, ids)
        optimizer.zero_grad()
        parts.sum().backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0, foreach=True)
        optimizer.step()
        loop.note(book_0=float(parts[0].detach()), book_1=float(parts[1].detach()))


if __name__ == "__main__":
    main()

"""Step 6: train text to semantic; resumes where it stopped.

python -m training.train_semantic --root DIR [--minutes 60] [--total 40000]
"""

import argparse
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from training import tokenised, transcribe
from training.data import Sequences
from training.layout import semantic as layout
from training.layout.alignment import last_pointers, next_pointers, spoken_pieces
from training.layout.reading import READING, lesson
from training.loop import Loop, be_polite
from training.models.causal import CausalModel, CausalSizes
from training.recipe import Recipe
from training.tokens import text as text_tokens
from training.tokens.ids import Ids, token_ids
from training.tokens.semantic import FIRST_POINTER, GAP, PITCH_BINS, POINTERS, point

_NO_VOICE = 0.15
_SHORTEST_PROMPT = 48  # semantic tokens
_SPELLED = 0.15  # share of words read letter by letter, as the lexicon does not know them all

# The first head of some layers is shown where to look, which a small network finds out by itself
# only after many hours (guided attention: Tachibana et al. 2017, "Efficiently trainable
# text-to-speech system based on deep convolutional networks with guided attention"; here the true
# alignment is the guide): at the latest pointer, at the piece that the next one names, and at the
# piece that is being spoken.
_GUIDED_LAYERS = {0: "last", 1: "next", 2: "spoken", 4: "spoken"}
_GUIDANCE = 0.4  # weight of that loss

Looks = dict[str, Tensor]
Batch = tuple[Tensor, Tensor, Tensor, Tensor, Looks]


def sizes(recipe: Recipe, ids: Ids, layers: int, width: int, dropout: float) -> CausalSizes:
    """Sizes of the semantic network: the merged text, the infer token, the longest utterance."""
    positions = recipe.max_input_semantic + recipe.max_semantic_tokens
    return CausalSizes(
        ids.semantic_inputs, ids.semantic_outputs, positions, layers, width // 64, width, dropout
    )


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One sequence: [L] text ids, [H] history, [N] semantic ids with pointers, [N + 1] pieces."""

    text: np.ndarray
    history: np.ndarray
    semantic: np.ndarray
    pieces: np.ndarray


def spoken(
    row: tokenised.Tokenised, history: np.ndarray, reader: text_tokens.Reader, recipe: Recipe
) -> Example:
    """A sentence in the voice of a history."""
    encoded = reader.encode(row.text)
    pieces = spoken_pieces(encoded.tokens, row.semantic, recipe.max_input_semantic)
    return Example(np.array(encoded.ids), history, point(row.semantic, pieces[:-1]), pieces)


def reading(
    sentences: list[tuple[str, str]],
    reader: text_tokens.Reader,
    limit: int,
    pitch_bin: int,
    recipe: Recipe,
) -> Example:
    """Sentences to be read without a voice, up to `limit` pieces of text."""
    made = lesson(sentences, reader, limit, pitch_bin)
    history = np.full(recipe.max_input_semantic, READING)
    return Example(made.text, history, made.semantic, made.pieces)


def to_batch(examples: list[Example], recipe: Recipe, ids: Ids) -> Batch:
    """Text ids, history ids, inputs after them, targets, and where to look."""
    parts: list[tuple[np.ndarray, ...]] = []
    looks: dict[str, list[np.ndarray]] = {name: [] for name in _GUIDED_LAYERS.values()}
    limit = recipe.max_input_semantic
    for one in examples:
        looks["spoken"].append(one.pieces)
        looks["last"].append(last_pointers(one.semantic, limit + 1))
        looks["next"].append(next_pointers(one.semantic, min(len(one.text), limit) - 1))
        parts.append(layout.example(one.text, one.history, one.semantic, recipe, ids))
    text, history, following, targets = zip(*parts, strict=True)
    return (
        torch.from_numpy(np.stack(text)),
        torch.from_numpy(np.stack(history)),
        torch.from_numpy(layout.stack(list(following), ids.semantic_pad)),
        torch.from_numpy(layout.stack(list(targets), layout.IGNORED)),
        {
            name: torch.from_numpy(layout.stack(rows, layout.IGNORED))
            for name, rows in looks.items()
        },
    )


def pick(
    data: Sequences, count: int, recipe: Recipe
) -> list[tuple[tokenised.Tokenised, np.ndarray]]:
    """`count` rows of about equal length, each with a history of its voice or none."""
    pool = [data.pick() for _ in range(4 * count)]
    pool = [row for row in pool if len(row.semantic) < recipe.max_semantic_tokens]
    pool.sort(key=lambda row: len(row.semantic))
    start = int(data.random.integers(max(1, len(pool) - count + 1)))
    result = []
    for row in pool[start : start + count]:
        history = np.zeros(0, np.int16)
        if data.random.random() >= _NO_VOICE:
            history = data.pick_prompt(row.voice).semantic
            while len(history) < _SHORTEST_PROMPT:
                history = np.concatenate([history, data.pick_prompt(row.voice).semantic])
        result.append((row, history))
    return result


def lessons(
    texts: list[tuple[str, str]],
    data: Sequences,
    count: int,
    reader: text_tokens.Reader,
    recipe: Recipe,
) -> list[Example]:
    """`count` random readings of about equal length, at pitches that voices have."""
    random = data.random
    limit = int(random.integers(40, recipe.max_input_semantic + 1))
    result = []
    for _ in range(count):
        some = [texts[i] for i in random.integers(0, len(texts), 16)]
        bins = data.pick().semantic % PITCH_BINS
        result.append(reading(some, reader, limit, max(1, int(bins.max())), recipe))
    return result


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a batch went.

    Attributes:
        loss: mean cross-entropy of the tokens, in nats.
        guidance: likewise of where the guided heads look.
        phones: share of right phone classes where the phone changes: how long the last one should
            have lasted is another matter.
        pointers: share of right pointers where there is one.
    """

    loss: Tensor
    guidance: Tensor
    phones: Tensor
    pointers: Tensor

    def values(self) -> dict[str, float]:
        """For the curve."""
        return {
            "loss": float(self.loss.detach()),
            "guidance": float(self.guidance.detach()),
            "phones": float(self.phones),
            "pointers": float(self.pointers),
        }


def losses(model: CausalModel, batch: Batch, recipe: Recipe) -> Outcome:
    """What the network makes of a batch."""
    text, history, following, targets, wanted = batch
    merged = model.embed(text) + model.embed(history)
    looks: dict[int, list[Tensor]] = {layer: [] for layer in _GUIDED_LAYERS}
    hidden = model(torch.cat([merged, model.embed(following)], 1), looks=looks)
    hidden = hidden[:, recipe.max_input_semantic :]
    logits = model.lm_head(hidden)
    loss = functional.cross_entropy(
        logits.flatten(0, 1), targets.flatten(), ignore_index=layout.IGNORED
    )
    with torch.no_grad():
        phones = _phones_right(logits, targets)
        pointers = targets >= FIRST_POINTER
        pointers &= targets < FIRST_POINTER + POINTERS
        found = FIRST_POINTER + logits[pointers][:, FIRST_POINTER:-1].argmax(-1)
        hits = (found == targets[pointers]).float().mean()
    guidance = torch.stack(
        [_guidance(*looks[layer], wanted[name]) for layer, name in _GUIDED_LAYERS.items()]
    ).mean()
    return Outcome(loss, guidance, phones, hits)


def _phones_right(logits: Tensor, targets: Tensor) -> Tensor:
    """Share of changes of phone to the likeliest other phone; logits [B, T, V], targets [B, T]."""
    phones = torch.where(targets >= FIRST_POINTER, GAP, targets // PITCH_BINS)
    change = (targets[:, 1:] != layout.IGNORED) & (phones[:, 1:] != phones[:, :-1])
    before, after = phones[:, :-1][change], phones[:, 1:][change]
    tokens = torch.arange(logits.shape[2])
    of_token = torch.where(tokens >= FIRST_POINTER, GAP, tokens // PITCH_BINS)
    others = logits[:, 1:][change].masked_fill(of_token == before[:, None], float("-inf"))
    return (of_token[others.argmax(-1)] == after).float().mean()


def _guidance(query: Tensor, key: Tensor, wanted: Tensor) -> Tensor:
    """Mean cross-entropy of where a head looks; query, key [B, T, D], wanted [B, last of T]."""
    first = query.shape[1] - wanted.shape[1]
    scores = query[:, first:] @ key.transpose(1, 2) / query.shape[-1] ** 0.5
    later = torch.ones(scores.shape[1:], dtype=torch.bool).triu(first + 1)
    scores = scores.masked_fill(later, float("-inf"))
    return functional.cross_entropy(
        scores.flatten(0, 1), wanted.flatten(), ignore_index=layout.IGNORED
    )


def main(arguments: list[str] | None = None) -> None:
    """Command line of this step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=1e9)
    parser.add_argument("--total", type=int, default=28_000)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--reading", type=float, default=0.5, help="share of batches that read")
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--dropout", type=float, default=0.05)
    options = parser.parse_args(arguments)
    be_polite()
    recipe = Recipe()
    ids = token_ids(recipe)
    plain = text_tokens.load(options.root)
    shape = sizes(recipe, ids, options.layers, options.width, options.dropout)
    model = CausalModel(shape)
    with torch.no_grad():  # a pointer begins as the place that it points at
        pointers = model.input_embeds_layer.weight[FIRST_POINTER : FIRST_POINTER + POINTERS]
        pointers += model.position_embeds_layer.weight[:POINTERS]
    optimizer = torch.optim.AdamW(
        model.parameters(), options.rate, betas=(0.9, 0.95), weight_decay=0.05, foreach=True
    )
    loop = Loop(
        options.root / "checkpoints" / "semantic.pt",
        {"model": model},
        {"all": optimizer},
        options.total,
        {"sizes": asdict(shape)},
    )
    data = Sequences(options.root / "tokens" / "front", seed=loop.step)
    spelling = plain.forgetful(_SPELLED, data.random)
    unseen = Sequences(options.root / "tokens" / "held_out", seed=0)
    test = to_batch(
        [spoken(row, history, plain, recipe) for row, history in pick(unseen, 48, recipe)],
        recipe,
        ids,
    )
    texts = list(transcribe.read(options.root))
    print(f"{data.refresh():.2f} h of speech", flush=True)
    for step in loop.steps(options.minutes):
        if step % 200 == 0:
            data.refresh()
            model.eval()
            with torch.inference_mode():
                found = losses(model, test, recipe).values()
            loop.record(**{f"held_out_{name}": value for name, value in found.items()})
            model.train()
        reader = spelling if data.random.random() < 0.5 else plain
        reads = bool(texts) and data.random.random() < options.reading
        if reads:
            examples = lessons(texts, data, options.batch - 2, reader, recipe)
        else:
            rows = pick(data, options.batch, recipe)
            examples = [spoken(row, history, reader, recipe) for row, history in rows]
            # Where words cannot be counted off, the teacher may have said another thing.
            examples = [one for one in examples if (one.pieces != layout.IGNORED).any()]
        if not examples:
            continue
        outcome = losses(model, to_batch(examples, recipe, ids), recipe)
        loop.learn(outcome.loss + _GUIDANCE * outcome.guidance)
        prefix = "reading_" if reads else ""
        loop.note(**{f"{prefix}{name}": value for name, value in outcome.values().items()})


if __name__ == "__main__":
    main()

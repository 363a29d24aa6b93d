"""The reference algorithm over training checkpoints: for measuring between steps, not for use.

The product's own engine must give the same tokens from the exported voice; this slow version has
no windows that move early, no batches and no streaming.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from training import tokenised
from training.codec.seanet import SeanetSizes
from training.layout import coarse as coarse_layout
from training.layout import fine as fine_layout
from training.layout import semantic as semantic_layout
from training.loop import load
from training.models.causal import CausalModel, CausalSizes
from training.models.fine import FineModel, FineSizes
from training.recipe import Recipe
from training.tokens import text as text_tokens
from training.tokens.ids import Ids, token_ids
from training.train_decoder import Renderer

_MIN_END = 0.2  # an end at least so likely is taken


@dataclass(slots=True, eq=False)
class Speaker:
    """Whatever networks `root` has, and their recipe."""

    recipe: Recipe
    ids: Ids
    reader: text_tokens.Reader
    semantic: CausalModel | None
    coarse: CausalModel | None
    fine: FineModel | None
    renderer: Renderer | None


def open_speaker(root: Path) -> Speaker:
    """Load the checkpoints that exist in `root`, in evaluation mode."""
    recipe = Recipe()
    folder = root / "checkpoints"

    def restore(
        name: str, make: type[nn.Module], sizes: type[Any], part: str = "model"
    ) -> nn.Module | None:
        if not (folder / f"{name}.pt").exists():
            return None
        stored = load(folder / f"{name}.pt")
        module = make(sizes(**stored["about"]["sizes"]))
        module.load_state_dict(stored["modules"][part])
        return module.eval()

    decoder = "decoder_gan" if (folder / "decoder_gan.pt").exists() else "decoder"
    return Speaker(
        recipe,
        token_ids(recipe),
        text_tokens.load(root),
        restore("semantic", CausalModel, CausalSizes),  # type: ignore[arg-type]
        restore("coarse", CausalModel, CausalSizes),  # type: ignore[arg-type]
        restore("fine", FineModel, FineSizes),  # type: ignore[arg-type]
        restore(decoder, Renderer, SeanetSizes, "renderer"),  # type: ignore[arg-type]
    )


def _draw(logits: Tensor, temperature: float) -> Tensor:
    """[N] ids drawn from logits [N, V]."""
    if temperature <= 0:
        return logits.argmax(-1)
    return torch.multinomial((logits.float() / temperature).softmax(-1), 1)[:, 0]


@torch.inference_mode()
def semantic_of(
    speaker: Speaker, text: str, prompt: tokenised.Tokenised | None, temperature: float = 0.7
) -> np.ndarray:
    """[N] semantic tokens of a text in the voice of a prompt."""
    model, recipe, ids = speaker.semantic, speaker.recipe, speaker.ids
    if model is None:
        raise FileNotFoundError("no semantic checkpoint: run `training.train_semantic` first")
    history = prompt.semantic if prompt else np.zeros(0, np.int16)
    pieces = np.array(speaker.reader.encode(text).ids)
    text_row, history_row = semantic_layout.prefix(pieces, history, recipe, ids)
    merged = model.embed(torch.from_numpy(text_row)) + model.embed(torch.from_numpy(history_row))
    infer = model.embed(torch.tensor([ids.semantic_infer]))
    past: list[list[Tensor]] = [[] for _ in model.layers]
    hidden = model(torch.cat([merged, infer])[None], 0, past)[0, -1]
    result: list[int] = []
    while len(result) < recipe.max_semantic_tokens - 1:
        logits = model.lm_head(hidden)
        token = int(_draw(logits[None], temperature))
        likely = (logits.float() / max(temperature, 1e-3)).softmax(-1)[ids.semantic_pad]
        if token == ids.semantic_pad or float(likely) >= _MIN_END:
            break
        result.append(token)
        place = recipe.max_input_semantic + len(result)
        hidden = model(model.embed(torch.tensor([[token]])), place, past)[0, -1]
    return np.array(result, np.int16)


def coarse_of(
    speaker: Speaker,
    semantic: np.ndarray,
    prompt: tokenised.Tokenised | None,
    temperature: float = 0.7,
) -> np.ndarray:
    """[2, 2 N] codes of semantic tokens [N]."""
    return coarse_of_all(speaker, [semantic], prompt, temperature)[0]


@torch.inference_mode()
def coarse_of_all(
    speaker: Speaker,
    sentences: list[np.ndarray],
    prompt: tokenised.Tokenised | None,
    temperature: float = 0.7,
) -> list[np.ndarray]:
    """[2, 2 N] codes of each of some sentences [N], made side by side."""
    model, recipe, ids = speaker.coarse, speaker.recipe, speaker.ids
    if model is None:
        raise FileNotFoundError("no coarse checkpoint: run `training.train_coarse` first")
    voice = coarse_layout.NO_VOICE
    if prompt:
        voice = coarse_layout.voice(prompt.semantic, prompt.codes, recipe, ids)
    books, size = recipe.coarse_codebooks, ids.codebook_size
    totals = [len(semantic) * recipe.coarse_per_semantic for semantic in sentences]
    # One more token than known, so that the last known one is among the inputs.
    made = np.zeros((len(sentences), max(totals) + 1), np.int64)
    for number in range(coarse_layout.window_count(max(map(len, sentences)), recipe)):
        done = number * recipe.sliding_window
        rows = [row for row, total in enumerate(totals) if total > done]
        windows = [
            coarse_layout.window(
                voice, sentences[row], made[row, : done + 1], number, None, recipe, ids
            )[0]
            for row in rows
        ]
        inputs = torch.from_numpy(np.stack(windows))
        past: list[list[Tensor]] = [[] for _ in model.layers]
        hidden = model(model.embed(inputs), 0, past)[:, -1]
        for place in range(done, min(max(totals), done + recipe.sliding_window)):
            first = ids.semantic_vocabulary + (place % books) * size
            logits = hidden @ model.lm_head.weight[first : first + size].T
            tokens = first + _draw(logits, temperature)
            made[rows, place] = tokens.numpy()
            place_in_window = inputs.shape[1] + place - done
            hidden = model(model.embed(tokens[:, None]), place_in_window, past)[:, -1]
    offsets = ids.semantic_vocabulary + size * np.arange(books)
    return [
        np.asarray((row[:total].reshape(-1, books) - offsets).T)
        for row, total in zip(made, totals, strict=True)
    ]


@torch.inference_mode()
def fine_of(
    speaker: Speaker,
    coarse: np.ndarray,
    prompt: tokenised.Tokenised | None,
    temperature: float = 0.5,
) -> np.ndarray:
    """[8, T] codes of the first two books [2, T]."""
    model, recipe, ids = speaker.fine, speaker.recipe, speaker.ids
    if model is None:
        raise FileNotFoundError("no fine checkpoint: run `training.train_fine` first")
    history = np.zeros((recipe.codebooks, 0), np.int64)
    if prompt:
        history = prompt.codes[:, -recipe.max_fine_history :].astype(np.int64)
    held, frames = history.shape[1], coarse.shape[1]
    area = np.full(
        (recipe.codebooks, max(held + frames, recipe.max_fine_input)), ids.fine_pad, np.int64
    )
    area[:, :held] = history
    area[: len(coarse), held : held + frames] = coarse
    codes = torch.from_numpy(area)
    for start, fresh in fine_layout.windows(held, frames, recipe):
        window = codes[:, start : start + recipe.max_fine_input]
        for book in range(recipe.coarse_codebooks, recipe.codebooks):
            logits = model(window[None], book)[0, fresh:, : ids.codebook_size]
            window[book, fresh:] = _draw(logits, temperature)
    return codes[:, held : held + frames].numpy()


@torch.inference_mode()
def render(speaker: Speaker, codes: np.ndarray) -> np.ndarray:
    """[320 T] float32 audio of codes [8, T]."""
    if speaker.renderer is None:
        raise FileNotFoundError("no decoder checkpoint: run `training.train_decoder` first")
    audio: np.ndarray = speaker.renderer(torch.from_numpy(codes.astype(np.int64))[None])[0].numpy()
    return audio

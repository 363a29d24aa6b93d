"""Semantic to coarse: [a slice of semantic tokens | infer | coarse history | the window's tokens].

Training examples are windows exactly as the generator makes them, voice prompt and all; the loss
is taken on every coarse token, since history tokens too follow from what stands before them.
"""

from dataclasses import dataclass

import numpy as np

from training.layout.semantic import IGNORED
from training.recipe import Recipe
from training.tokens.ids import Ids


@dataclass(frozen=True, slots=True, eq=False)
class Voice:
    """A voice prompt as the coarse stage uses it.

    Attributes:
        semantic: [b].
        coarse: flat coarse tokens.
        codes: [8, T] of all books, for the frames that the coarse tokens stand for.
    """

    semantic: np.ndarray
    coarse: np.ndarray
    codes: np.ndarray


NO_VOICE = Voice(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((8, 0), np.int64))


def flatten(codes: np.ndarray, ids: Ids) -> np.ndarray:
    """[2, T] codes to [2 T] tokens, frame by frame, offsets added."""
    offsets = ids.semantic_vocabulary + ids.codebook_size * np.arange(len(codes))
    return np.asarray((codes.astype(np.int64) + offsets[:, None]).T.reshape(-1))


def voice(semantic: np.ndarray, codes: np.ndarray, recipe: Recipe, ids: Ids) -> Voice:
    """Trim a prompt as the reference does: even, aligned, less the last frame."""
    ratio = recipe.coarse_per_semantic
    flat = flatten(codes[: recipe.coarse_codebooks], ids)
    kept = min(recipe.max_semantic_history, len(semantic) - len(semantic) % 2, len(flat) // ratio)
    if kept == 0:
        return NO_VOICE
    coarse = flat[-kept * ratio :][: -recipe.coarse_codebooks]
    frames = codes[:, -kept * recipe.frames_per_semantic :][:, :-1].astype(np.int64)
    return Voice(semantic[-kept:].astype(np.int64), coarse, frames)


def window_count(tokens: int, recipe: Recipe) -> int:
    """Windows needed for so many new semantic tokens."""
    return -(-tokens * recipe.coarse_per_semantic // recipe.sliding_window)


def window(
    prompt: Voice,
    semantic: np.ndarray,
    coarse: np.ndarray,
    number: int,
    look_ahead: int | None,
    recipe: Recipe,
    ids: Ids,
) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets of one window.

    Args:
        prompt: of the voice, or `NO_VOICE`.
        semantic: [N] new semantic tokens.
        coarse: [4 N] new coarse tokens, flat.
        number: of the window.
        look_ahead: semantic tokens known beyond the window's end; None for all.
        recipe: for the lengths.
        ids: of the pads and infer tokens.

    Returns:
        [84 + 1 + history + window] input ids and targets alike long; target t is the token at
        t + 1, ignored before the infer token; the last input token has no successor and is left
        out.
    """
    done = number * recipe.sliding_window
    place = len(prompt.semantic) + round(done / recipe.coarse_per_semantic)
    start = max(0, place - recipe.max_semantic_history)
    known = np.concatenate([prompt.semantic, semantic.astype(np.int64)])
    if look_ahead is not None:
        step = -(-recipe.sliding_window // recipe.coarse_per_semantic)
        known = known[: place + step + look_ahead]
    part = known[start : start + recipe.max_coarse_input]
    slots = np.full(recipe.max_coarse_input, ids.coarse_pad, np.int64)
    slots[: len(part)] = part
    history = np.concatenate([prompt.coarse, coarse[:done]])[-recipe.max_coarse_history :]
    new = coarse[done : done + recipe.sliding_window]
    tokens = np.concatenate([history, new]).astype(np.int64)
    inputs = np.concatenate([slots, [ids.coarse_infer], tokens])[:-1]
    ignored = np.full(recipe.max_coarse_input, IGNORED, np.int64)
    return inputs, np.concatenate([ignored, tokens])


def window_codes(prompt: Voice, codes: np.ndarray, number: int, recipe: Recipe) -> np.ndarray:
    """[8, F] codes of all books of the frames whose coarse tokens a window holds.

    Args:
        prompt: of the voice, or `NO_VOICE`.
        codes: [8, T] of the utterance.
        number: of the window.
        recipe: for the lengths.
    """
    books = recipe.coarse_codebooks
    done = number * recipe.sliding_window // books
    history = np.concatenate([prompt.codes, codes[:, :done]], 1)
    history = history[:, -(recipe.max_coarse_history // books) :]
    new = codes[:, done : done + recipe.sliding_window // books]
    return np.concatenate([history, new], 1).astype(np.int64)

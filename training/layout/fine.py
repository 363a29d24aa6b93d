"""Coarse to fine: windows over all eight codebooks, history first, unknown entries padded."""

import numpy as np

from training.layout.semantic import IGNORED
from training.recipe import Recipe
from training.tokens.ids import Ids

AFTER_END = 0  # which adds nothing


def windows(history: int, frames: int, recipe: Recipe) -> list[tuple[int, int]]:
    """Start of each window in the padded array, and the first of its columns that it fills.

    Args:
        history: frames of voice before the new ones, already cut to the longest allowed.
        frames: new frames.
        recipe: for the lengths.
    """
    size, stride = recipe.max_fine_input, recipe.max_fine_history
    length = max(frames + history, size)
    count = max(0, -(-(frames - (size - history)) // stride)) + 1
    result = []
    for number in range(count):
        start = min(stride * number, length - size)
        fill = min(history + stride * number, length - stride)
        result.append((start, fill - start))
    return result


def columns(
    history: np.ndarray, codes: np.ndarray, number: int, recipe: Recipe, ids: Ids
) -> np.ndarray:
    """[8, 256] all codes of a window, pads after the end; arguments as of `example`."""
    held, frames = history.shape[1], codes.shape[1]
    length = max(held + frames, recipe.max_fine_input)
    truth = np.full((len(codes), length), ids.fine_pad, np.int64)
    truth[:, :held] = history
    truth[:, held : held + frames] = codes
    start, _ = windows(held, frames, recipe)[number]
    return truth[:, start : start + recipe.max_fine_input]


def example(
    history: np.ndarray,
    codes: np.ndarray,
    number: int,
    book: int,
    recipe: Recipe,
    ids: Ids,
) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets for one book in one window.

    Args:
        history: [8, H] codes of the voice, H at most 128.
        codes: [8, T] codes to be found again.
        number: of the window.
        book: 2 to 7.
        recipe: for the lengths.
        ids: of the pads and infer tokens.

    Returns:
        [8, 256] input codes and [256] targets.
    """
    held, frames = history.shape[1], codes.shape[1]
    truth = columns(history, codes, number, recipe, ids)
    start, fresh = windows(held, frames, recipe)[number]
    inputs = truth.copy()
    # Of the book asked for, what earlier windows filled stands there; the rest is unknown.
    filled = held
    if number:
        before = windows(held, frames, recipe)[number - 1][0]
        filled = before + recipe.max_fine_input
    inputs[book, max(0, filled - start) :] = ids.fine_pad
    inputs[book + 1 :, max(0, filled - start) :] = ids.fine_pad
    targets = truth[book].copy()
    targets[:fresh] = IGNORED
    # Columns after the end are predicted too, and what is predicted there is read for the next
    # books: teach them a constant, so that it cannot mislead.
    ended = truth[0] == ids.fine_pad
    targets[ended] = AFTER_END
    inputs[recipe.coarse_codebooks : book, ended] = AFTER_END
    return inputs, targets

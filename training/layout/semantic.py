"""Text to semantic: [text, merged with history | infer | semantic tokens ... end]."""

import numpy as np

from training.recipe import Recipe
from training.tokens.ids import Ids

IGNORED = -100


def prefix(
    text: np.ndarray, history: np.ndarray, recipe: Recipe, ids: Ids
) -> tuple[np.ndarray, np.ndarray]:
    """The merged part of a sequence.

    Args:
        text: [L] tokenizer ids, offset not yet added; the first 128 count.
        history: [H] semantic tokens of a voice; the last 128 count.
        recipe: for the lengths.
        ids: of the pads and infer tokens.

    Returns:
        [128] text ids and [128] history ids, whose embeddings are added.
    """
    length = recipe.max_input_semantic
    text_row = np.full(length, ids.text_pad, np.int64)
    used = text[:length]
    text_row[: len(used)] = used + ids.text_offset
    history_row = np.full(length, ids.semantic_pad, np.int64)
    kept = history[-length:] if len(history) else history
    history_row[: len(kept)] = kept
    return text_row, history_row


def example(
    text: np.ndarray, history: np.ndarray, semantic: np.ndarray, recipe: Recipe, ids: Ids
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """One training sequence.

    Returns:
        text ids [128], history ids [128], what follows them [1 + N] (infer, then the tokens),
        and the targets [1 + N] of those positions (the tokens, then the end).
    """
    text_row, history_row = prefix(text, history, recipe, ids)
    following = np.concatenate([[ids.semantic_infer], semantic]).astype(np.int64)
    targets = np.concatenate([semantic, [ids.semantic_pad]]).astype(np.int64)
    return text_row, history_row, following, targets


def stack(rows: list[np.ndarray], fill: int) -> np.ndarray:
    """[B, longest] rows of unequal length, filled up on the right."""
    longest = max(len(row) for row in rows)
    result = np.full((len(rows), longest), fill, np.int64)
    for index, row in enumerate(rows):
        result[index, : len(row)] = row
    return result

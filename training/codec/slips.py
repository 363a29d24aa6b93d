"""Coarse codes with mistakes, and fine codes that make up for them.

What the coarse stage draws is near what it should be, not the same. A fine stage that has only seen
right coarse codes adds details to the mistakes; one that has learned residuals *from the mistakes*
mends them, for it sees, unlike the coarse stage, what comes before and after.
"""

import numpy as np

from training.codec.codebooks import CORRECTIONS, LEVELS, MEL_PARTS, Codebooks, nearest

_NEAR = 12  # entries among which a wrong one is found


def slip(
    codes: np.ndarray,
    books: Codebooks,
    share: float,
    count: int,
    random: np.random.Generator,
) -> np.ndarray:
    """Codes with mistakes in books 0 and 1.

    Args:
        codes: [8, T] right ones.
        books: the codebooks.
        share: of the stretches of equal codes in book 0, and of the frames of book 1, that are
            replaced by something near: another shape, another correction.
        count: books wanted; later ones stay as they are.
        random: draws.

    Returns:
        [8, T] codes, books 2 to `count` - 1 made anew from what is left.
    """
    result = codes.astype(np.int64)
    tables = books.tables[:, :, :MEL_PARTS]
    cuts = np.flatnonzero(np.diff(result[0])) + 1
    for start, end in zip([0, *cuts], [*cuts, result.shape[1]], strict=True):
        if random.random() < share:
            distance = ((tables[0] - tables[0, codes[0, start]]) ** 2).sum(1)
            result[0, start:end] = random.choice(np.argpartition(distance, _NEAR)[:_NEAR])
    voiced = result[1] < LEVELS * CORRECTIONS
    level = result[1] // CORRECTIONS * CORRECTIONS
    other = np.where(
        voiced,
        level + random.integers(0, CORRECTIONS, len(level)),
        random.integers(LEVELS * CORRECTIONS, tables.shape[1], len(level)),
    )
    result[1] = np.where(random.random(len(level)) < share, other, result[1])
    wanted = sum(tables[book, codes[book]] for book in range(len(codes)))
    rest = wanted - tables[0, result[0]] - tables[1, result[1]]
    for book in range(2, count):
        result[book] = nearest(rest, tables[book])
        rest = rest - tables[book, result[book]]
    return result

"""Mistakes in the coarse books, and fine books that make up for them."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from training.codec import codebooks  # noqa: E402
from training.codec.codebooks import CORRECTIONS, LEVELS, MEL_PARTS, UNVOICED  # noqa: E402
from training.codec.slips import slip  # noqa: E402

Spoken = tuple[codebooks.Codebooks, np.ndarray]


@pytest.fixture(scope="module")
def spoken() -> Spoken:
    random = np.random.default_rng(0)
    classes = np.repeat(random.integers(0, 6, 500), 5)
    shapes = random.normal(0, 1.5, (6, 80))
    varied = random.normal(0, 0.6, (2500, 3)) @ random.normal(0, 1, (3, 80))
    mel = (shapes[classes] + varied).astype(np.float32)
    levels = np.where(classes < 3, UNVOICED, 30 + classes).astype(np.int8)
    books = codebooks.fit(mel, levels, classes, 6)
    return books, books.encode(mel, levels).astype(np.int64)


def _said(books: codebooks.Codebooks, codes: np.ndarray) -> np.ndarray:
    return sum(books.tables[b, codes[b], :MEL_PARTS] for b in range(8))


def test_mistakes_are_near_and_of_the_same_pitch(spoken: Spoken) -> None:
    books, codes = spoken
    made = slip(codes, books, 1.0, 8, np.random.default_rng(1))
    assert (made[0] != codes[0]).mean() > 0.5
    shapes = books.tables[0, :, :MEL_PARTS]
    far = ((shapes[made[0]] - shapes[codes[0]]) ** 2).sum(1).mean()
    random = np.random.default_rng(2).permutation(codes[0])
    assert far < 0.5 * ((shapes[random] - shapes[codes[0]]) ** 2).sum(1).mean()
    voiced = codes[1] < LEVELS * CORRECTIONS
    assert (made[1, voiced] // CORRECTIONS == codes[1, voiced] // CORRECTIONS).all()
    assert (made[1, ~voiced] >= LEVELS * CORRECTIONS).all()


def test_the_fine_books_make_up_for_them(spoken: Spoken) -> None:
    books, codes = spoken
    made = slip(codes, books, 1.0, 8, np.random.default_rng(1))
    unmended = made.copy()
    unmended[2:] = codes[2:]
    wanted = _said(books, codes)
    mended = ((_said(books, made) - wanted) ** 2).sum()
    assert mended < 0.5 * ((_said(books, unmended) - wanted) ** 2).sum()


def test_without_mistakes_books_0_and_1_stay_and_only_wanted_books_are_made(spoken: Spoken) -> None:
    books, codes = spoken
    made = slip(codes, books, 0.0, 3, np.random.default_rng(1))
    assert np.array_equal(made[:2], codes[:2])
    assert np.array_equal(made[3:], codes[3:])

"""Codebooks: what they keep, and that paths through the first book are smooth."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from training.codec import codebooks  # noqa: E402
from training.codec.features import log_mel  # noqa: E402
from training.teacher.source import UNVOICED  # noqa: E402


def _speechlike(frames: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    classes = np.repeat(random.integers(0, 6, frames // 5 + 1), 5)[:frames]
    shapes = random.normal(0, 1.5, (6, 80))
    mel = shapes[classes] + random.normal(0, 0.3, (frames, 80))
    levels = np.where(classes < 3, UNVOICED, 30 + classes).astype(np.int8)
    return mel.astype(np.float32), levels, classes


def test_codes_name_the_pitch_and_come_closer_book_by_book() -> None:
    mel, levels, classes = _speechlike(3000)
    books = codebooks.fit(mel, levels, classes, 6)
    codes = books.encode(mel, levels)
    assert codes.shape == (8, 3000)
    voiced = levels != UNVOICED
    assert (codes[1, voiced] // codebooks.CORRECTIONS == levels[voiced]).all()
    assert (codes[1, ~voiced] >= codebooks.LEVELS * codebooks.CORRECTIONS).all()
    rest, errors = books.project(mel), []
    for book in range(8):
        rest = rest - books.tables[book, codes[book], : codebooks.MEL_PARTS]
        errors.append(float((rest**2).sum()))
    assert errors == sorted(errors, reverse=True)
    assert not books.tables[2:, codebooks.NOTHING].any()


def test_the_first_two_books_are_nearest_together() -> None:
    mel, levels, classes = _speechlike(1200)
    books = codebooks.fit(mel, levels, classes, 6)
    parts = books.project(mel)
    chosen = ((parts - books.said(books.pairs(parts, levels))) ** 2).sum(1)
    shapes = books.tables[0, :, : codebooks.MEL_PARTS]
    last = codebooks.LEVELS * codebooks.CORRECTIONS
    for place in range(0, 1200, 100):
        voiced = levels[place] != UNVOICED
        entries = slice(0, codebooks.CORRECTIONS) if voiced else slice(last, None)
        options = books.tables[1, entries, : codebooks.MEL_PARTS]
        both = (shapes[:, None] + options[None]).reshape(-1, codebooks.MEL_PARTS)
        assert chosen[place] == pytest.approx(((parts[place] - both) ** 2).sum(1).min(), rel=1e-3)


def test_refining_brings_the_first_two_books_nearer() -> None:
    mel, levels, classes = _speechlike(3000)
    books = codebooks.fit(mel, levels, classes, 6)
    parts = books.project(mel)
    books.tables[0, :, : codebooks.MEL_PARTS] *= 1.2
    errors = []
    for _ in range(4):
        rest = parts - books.said(books.pairs(parts, levels))
        errors.append(float((rest**2).sum()))
        codebooks.refine(books, parts, levels)
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < errors[0]
    shared = books.tables[1, : codebooks.CORRECTIONS, : codebooks.MEL_PARTS]
    for level in (1, codebooks.LEVELS - 1):
        rows = books.tables[1, level * codebooks.CORRECTIONS :][: codebooks.CORRECTIONS]
        assert np.array_equal(rows[:, : codebooks.MEL_PARTS], shared)


def test_phones_share_the_first_book_by_how_much_they_vary() -> None:
    random = np.random.default_rng(2)
    classes = np.repeat([0, 1, 3], [400, 400, 3])
    points = random.normal(size=(803, 4)) * np.array([0.2, 3.0, 0.0, 1.0])[classes][:, None]
    still, lively, absent, rare = codebooks.share_out(points, classes, 4, 60).tolist()
    assert still < lively
    assert absent == 1
    assert rare <= 3
    assert 50 <= still + lively + absent + rare <= 60


def test_log_mel_has_a_frame_for_every_320_samples() -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(3200) / 24_000)
    mel = log_mel(tone)
    assert mel.shape == (10, 80)
    assert mel[5].max() > mel[5].min() + 3

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
    books = codebooks.fit(mel, levels, classes, np.array([1500, 3000]), 6)
    codes = books.encode(mel, levels, classes)
    assert codes.shape == (8, 3000)
    voiced = levels != UNVOICED
    assert (codes[1, voiced] // codebooks.CORRECTIONS == levels[voiced]).all()
    assert (codes[1, ~voiced] >= codebooks.LEVELS * codebooks.CORRECTIONS).all()
    assert (np.searchsorted(books.shapes, codes[0], side="right") - 1 == classes).all()
    rest, errors = books.project(mel), []
    for book in range(8):
        rest = rest - books.tables[book, codes[book], : codebooks.MEL_PARTS]
        errors.append(float((rest**2).sum()))
    assert errors == sorted(errors, reverse=True)
    assert not books.tables[2:, codebooks.NOTHING].any()


def test_smooth_paths_change_less_often() -> None:
    random = np.random.default_rng(1)
    table = random.normal(size=(40, 4)).astype(np.float32)
    points = np.repeat(random.normal(size=(20, 4)), 10, axis=0)
    points = (points + random.normal(0, 0.5, points.shape)).astype(np.float32)
    path = codebooks._smooth_path(points, table)
    plain = codebooks.nearest(points, table)
    assert (path[1:] != path[:-1]).sum() < (plain[1:] != plain[:-1]).sum()


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

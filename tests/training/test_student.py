"""The student: what it is told of a frame, and that it learns what follows from that."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from training.models.student import Student, StudentSizes, frames_of  # noqa: E402
from training.teacher.source import LEVELS, UNVOICED  # noqa: E402
from training.tokens.semantic import FIRST_PHONE, FIRST_POINTER, GAP, PITCH_BINS  # noqa: E402
from training.train_student import batch, error  # noqa: E402


def _ids(*phones: int) -> np.ndarray:
    return np.array(phones) * PITCH_BINS


def test_frames_know_their_phone_its_neighbours_and_how_far_it_has_come() -> None:
    first, second = FIRST_PHONE, FIRST_PHONE + 3
    levels = np.array([UNVOICED] * 4 + [0, LEVELS // 2] + [UNVOICED] * 2)
    frames = frames_of(_ids(first, first, second, first), levels, 1)
    assert frames.classes[:4].tolist() == [[0, first, second]] * 4
    assert frames.classes[4].tolist() == [first, second, first]
    since, left, length, share, pitch, voiced = frames.numbers.T
    assert np.expm1(since).round().tolist() == [0, 1, 2, 3, 0, 1, 0, 1]
    assert np.expm1(left).round().tolist() == [3, 2, 1, 0, 1, 0, 1, 0]
    assert np.exp(length).round().tolist() == [4] * 4 + [2] * 4
    assert share[:4].tolist() == [0.125, 0.375, 0.625, 0.875]
    assert pitch[4:6].tolist() == [-1.0, 0.0]
    assert voiced.tolist() == [0, 0, 0, 0, 1, 1, 0, 0]


def test_a_pointer_sounds_like_the_gap_it_stands_in() -> None:
    levels = np.full(6, UNVOICED)
    gap = _ids(FIRST_PHONE, GAP, FIRST_PHONE)
    pointer = np.where(gap == GAP * PITCH_BINS, FIRST_POINTER + 7, gap)
    assert np.array_equal(frames_of(gap, levels, 0).classes, frames_of(pointer, levels, 0).classes)


def test_it_learns_spectra_that_follow_from_phones_and_voice() -> None:
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    shapes = random.normal(size=(2, 3, 80)).astype(np.float32)
    rows = []
    for index in range(8):
        phones = random.integers(0, 3, 12)
        frames = frames_of(_ids(*(FIRST_PHONE + phones)), np.full(24, UNVOICED), index % 2)
        rows.append((frames, shapes[index % 2, np.repeat(phones, 2)]))
    student = Student(StudentSizes(2, width=32, dilations=(1, 2)))
    optimizer = torch.optim.AdamW(student.parameters(), 1e-2)
    parts = batch(rows)
    before = float(error(student, parts).detach())
    for _ in range(80):
        loss = error(student, parts)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(error(student, parts).detach()) < 0.2 * before
    made = student.spectrum(rows[0][0])
    assert made.shape == (24, 80)
    assert np.abs(made - rows[0][1]).mean() < 0.3 * np.abs(rows[0][1]).mean()


def test_filling_up_counts_for_nothing() -> None:
    torch.manual_seed(0)
    student = Student(StudentSizes(1, width=16, dilations=()))
    short = frames_of(_ids(FIRST_PHONE), np.full(2, UNVOICED), 0)
    long = frames_of(_ids(*[FIRST_PHONE] * 5), np.full(10, UNVOICED), 0)
    wanted = [(f, np.zeros((len(f.classes), 80), np.float32)) for f in (short, long)]
    together = float(error(student, batch(wanted)).detach())
    alone = [float(error(student, batch([row])).detach()) for row in wanted]
    assert together == pytest.approx((2 * alone[0] + 10 * alone[1]) / 12, rel=1e-4)

"""Stretches that the decoder learns from."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from training import corpus, tokenised  # noqa: E402
from training.codec.codebooks import NOTHING  # noqa: E402
from training.codec.data import CodedAudio  # noqa: E402
from training.teacher.source import FRAME, UNVOICED  # noqa: E402

_FRAMES = 90


@pytest.fixture
def root(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    audio = np.repeat(np.arange(_FRAMES), FRAME).astype(np.int16)  # a sample says its frame
    none = np.zeros(0, np.float32)
    levels = np.where(np.arange(_FRAMES) % 9 < 3, UNVOICED, 20).astype(np.int8)
    spoken = corpus.Utterance("A.", 0, "A.", none, none, levels, audio)
    codes = random.integers(1, 1024, (8, _FRAMES)).astype(np.int16)
    row = tokenised.Tokenised("A.", 0, np.zeros(_FRAMES // 2, np.int16), codes, levels, 0)
    corpus.write_shard(tmp_path / "audio" / "shard-0.npz", [spoken])
    tokenised.write(tmp_path / "tokens" / "audio" / "shard-0.npz", [row])
    return tmp_path


def test_codes_and_audio_are_of_the_same_frames_and_later_books_may_lack(root: Path) -> None:
    data = CodedAudio(root, 30, seed=0)
    (row,) = tokenised.read(root / "tokens" / "audio" / "shard-0.npz")
    batch = data.batch(200)
    lacking = 0
    for codes, audio in zip(batch.codes.numpy(), batch.audio.numpy(), strict=True):
        begin = round(float(audio[0]) * 32768)
        assert round(float(audio[-1]) * 32768) == begin + 29
        whole = row.codes[:, begin : begin + 30]
        books = int((codes != NOTHING).any(1).sum())
        assert books >= 2
        assert np.array_equal(codes[:books], whole[:books])
        assert (codes[books:] == NOTHING).all()
        lacking += books < 8
    assert 100 < lacking < 180

"""What the stages make of what was spoken, for the stages after them."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from training import corpus, speak, tokenised  # noqa: E402
from training.codec.codebooks import CORRECTIONS, LEVELS, NOTHING  # noqa: E402
from training.codec.data import CodedAudio  # noqa: E402
from training.models.causal import CausalModel  # noqa: E402
from training.recipe import Recipe  # noqa: E402
from training.said import at_pitch, say_coarse  # noqa: E402
from training.teacher.source import FRAME, UNVOICED  # noqa: E402
from training.tokenised import RETOLD, retellings  # noqa: E402
from training.tokens.ids import token_ids  # noqa: E402
from training.train_coarse import sizes  # noqa: E402

RECIPE = Recipe()
IDS = token_ids(RECIPE)


@pytest.fixture(scope="module")
def speaker() -> speak.Speaker:
    torch.manual_seed(0)
    coarse = CausalModel(sizes(RECIPE, IDS, 1, 64, 0.0)).eval()
    return speak.Speaker(RECIPE, IDS, None, None, coarse, None, None)  # type: ignore[arg-type]


def _row(text: str, tokens: int, seed: int, voice: int = 0) -> tokenised.Tokenised:
    random = np.random.default_rng(seed)
    codes = random.integers(1, IDS.codebook_size, (8, 2 * tokens)).astype(np.int16)
    semantic = random.integers(0, 300, tokens).astype(np.int16)
    levels = np.full(2 * tokens, UNVOICED, np.int8)
    return tokenised.Tokenised(text, voice, semantic, codes, levels, 0)


def test_sentences_side_by_side_are_as_alone(speaker: speak.Speaker) -> None:
    prompt = _row("", 60, 1)
    sentences = [_row("", tokens, tokens).semantic for tokens in (40, 7, 15, 16)]
    together = speak.coarse_of_all(speaker, sentences, prompt, 0.0)
    for sentence, codes in zip(sentences, together, strict=True):
        assert codes.shape == (2, 2 * len(sentence))
        assert np.array_equal(codes, speak.coarse_of(speaker, sentence, prompt, 0.0))


def test_pitch_stays_as_spoken_and_corrections_as_said() -> None:
    quiet = LEVELS * CORRECTIONS
    said = np.array([3 * CORRECTIONS + 4, quiet + 7, 5, quiet + 2])
    spoken = np.array([9 * CORRECTIONS + 1, quiet + 1, quiet + 9, 8 * CORRECTIONS])
    assert at_pitch(said, spoken).tolist() == [
        9 * CORRECTIONS + 4,
        quiet + 7,
        quiet + 9,
        8 * CORRECTIONS,
    ]


def test_what_is_said_is_paired_with_what_was_spoken(
    speaker: speak.Speaker, tmp_path: Path
) -> None:
    rows = [_row("A.", 40, 1), _row("B.", 30, 2), _row("A.", 35, 3, voice=1)]
    said = say_coarse(speaker, rows, [_row("", 60, 4), _row("", 60, 5)])
    tokenised.write(tmp_path / "tokens" / "audio" / "shard-0.npz", rows)
    tokenised.write(tmp_path / "tokens" / RETOLD["coarse"] / "shard-0.npz", said)
    pairs = retellings(tmp_path)
    assert sorted((row.text, row.voice) for row, _ in pairs) == [("A.", 0), ("A.", 1), ("B.", 0)]
    for spoken, other in pairs:
        assert (spoken.text, spoken.voice) == (other.text, other.voice)
        assert np.array_equal(spoken.semantic, other.semantic)
        assert (other.codes[0] != spoken.codes[0]).any()
        assert (other.codes[2:] == NOTHING).all()


def test_the_decoder_learns_from_what_was_said(tmp_path: Path) -> None:
    row = _row("A.", 40, 1)
    audio = np.repeat(np.arange(80), FRAME).astype(np.int16)
    none = np.zeros(0, np.float32)
    spoken = corpus.Utterance("A.", 0, "A.", none, none, row.levels, audio)
    corpus.write_shard(tmp_path / "audio" / "shard-0.npz", [spoken])
    tokenised.write(tmp_path / "tokens" / "audio" / "shard-0.npz", [row])
    other = _row("A.", 40, 9)
    tokenised.write(tmp_path / "tokens" / RETOLD["fine"] / "shard-0.npz", [other])
    batch = CodedAudio(tmp_path, 30, seed=0).batch(100)
    retold = 0
    for codes, sound in zip(batch.codes.numpy(), batch.audio.numpy(), strict=True):
        begin = round(float(sound[0]) * 32768)
        part = slice(begin, begin + 30)
        retold += np.array_equal(codes, other.codes[:, part])
        assert np.array_equal(codes[:2], other.codes[:2, part]) or np.array_equal(
            codes[:2], row.codes[:2, part]
        )
    assert 40 < retold < 80

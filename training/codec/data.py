"""Random stretches of codes with the audio that they should render."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from training import corpus, tokenised
from training.codec.codebooks import NOTHING
from training.teacher.source import FRAME, SAMPLE_RATE, UNVOICED, level_hz

# Share of stretches whose codes are what the networks before it made of the same semantic tokens.
_SAID = 0.6
# Share of the others that lack books: the fine stage knows less than the codebooks could say
# (quantizer dropout: Zeghidour et al. 2021, "SoundStream").
_FEWER_BOOKS = 0.7


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Stretches of equal length.

    Attributes:
        codes: [B, 8, T] int64.
        audio: [B, 320 T] float32.
        cycles: [B, T] position in the pitch cycle, in turns since the voice began, at the start
            of each frame.
        voiced: [B, T] float32, zero or one.
    """

    codes: Tensor
    audio: Tensor
    cycles: Tensor
    voiced: Tensor


def start_cycles(levels: np.ndarray) -> np.ndarray:
    """[T] turns since the onset at the start of each frame of pitch levels [T]."""
    advance = level_hz(levels) * FRAME / SAMPLE_RATE
    before = np.concatenate([[0.0], np.cumsum(advance)[:-1]])
    voiced = levels != UNVOICED
    onset = voiced & ~np.concatenate([[False], voiced[:-1]])
    base = np.maximum.accumulate(np.where(onset, before, 0.0))
    return np.asarray(before - base, np.float32)


class CodedAudio:
    """All tokenised audio of a folder, in memory: 170 MB an hour."""

    def __init__(self, root: Path, frames: int, seed: int) -> None:
        """Read audio and tokens of `root`, and what is retold there; stretches of `frames`."""
        self._root, self._frames = root, frames
        self._random = np.random.default_rng(seed)
        self._known: set[str] = set()
        self._codes: list[np.ndarray] = []
        self._said: list[np.ndarray | None] = []
        self._levels: list[np.ndarray] = []
        self._audio: list[np.ndarray] = []
        self._starts: list[np.ndarray] = []
        self.refresh()
        if not self._codes:
            raise ValueError("no tokenised audio long enough: run `training.tokenise` first")

    def refresh(self) -> float:
        """Take in shards that have appeared since; returns hours of speech."""
        for shard in sorted((self._root / "tokens" / "audio").glob("shard-*.npz")):
            if shard.name in self._known:
                continue
            self._known.add(shard.name)
            spoken = {u.text: u for u in corpus.read_shard(self._root / "audio" / shard.name)}
            made = tokenised.retold(self._root, "fine", shard.name)
            for row in tokenised.read(shard):
                other = made.get((row.text, row.voice))
                self._add(row, other.codes if other else None, spoken[row.text].audio)
        return float(sum(c.shape[1] for c in self._codes) / 75 / 3600)

    def _add(self, row: tokenised.Tokenised, said: np.ndarray | None, audio: np.ndarray) -> None:
        frames = row.codes.shape[1]
        last = frames - self._frames
        if last < 0:
            return
        # A stretch may begin where the voice does not: there the phase is known.
        quiet = np.flatnonzero(row.levels[: last + 1] == UNVOICED)
        starts = np.union1d([0], quiet)
        samples = audio[row.first_sample : row.first_sample + frames * FRAME]
        self._codes.append(row.codes)
        self._said.append(said)
        self._levels.append(row.levels)
        self._audio.append(np.pad(samples, (0, frames * FRAME - len(samples))))
        self._starts.append(starts)

    def batch(self, size: int) -> Batch:
        """`size` random stretches."""
        codes, audio, cycles, voiced = [], [], [], []
        for index in self._random.integers(0, len(self._codes), size):
            start = int(self._random.choice(self._starts[index]))
            part = slice(start, start + self._frames)
            levels = self._levels[index][part]
            said = self._said[index]
            if said is not None and self._random.random() < _SAID:
                codes.append(said[:, part])
            else:
                codes.append(self._codes[index][:, part].copy())
                if self._random.random() < _FEWER_BOOKS:
                    codes[-1][int(self._random.integers(2, len(codes[-1]))) :] = NOTHING
            samples = self._audio[index][start * FRAME : (start + self._frames) * FRAME]
            audio.append(samples.astype(np.float32) / 32768)
            cycles.append(start_cycles(levels))
            voiced.append((levels != UNVOICED).astype(np.float32))
        return Batch(
            torch.from_numpy(np.stack(codes).astype(np.int64)),
            torch.from_numpy(np.stack(audio)),
            torch.from_numpy(np.stack(cycles)),
            torch.from_numpy(np.stack(voiced)),
        )

"""The eight codebooks, made from features instead of learned through a decoder.

A token language that small models can speak wants tokens that follow from phone and pitch. So the
codec's latent is *distilled*: 64 numbers a frame, 52 of them principal components of a log-mel
spectrum (no phase), 12 a pattern of the pitch level. Book 0 holds the spectral shape, book 1 the
exact pitch level and a first correction, books 2 to 7 the rest, as residuals. Paths through
book 0 are smoothed: keeping the last entry, and entries usual for the phone, cost less.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from training.recipe import Recipe
from training.teacher.source import FRAME, LEVELS, SAMPLE_RATE, UNVOICED, level_hz

LATENT = 64
MEL_PARTS = 52
PITCH_PARTS = LATENT - MEL_PARTS
SHAPES = 512  # live entries of book 0
CORRECTIONS = 11  # of book 1, for every pitch level
PITCH_SCALE = 2.0
_CANDIDATES = 12
_CHANGE_COST = 4.0
_USUAL_COST = 1.0  # times -log p(entry | phone class)


@dataclass(slots=True, eq=False)
class Codebooks:
    """Tables and what is needed to look frames up in them.

    Attributes:
        mean: [80] mean log-mel frame.
        basis: [80, 52] orthonormal principal directions.
        tables: [8, 1024, 64]; a latent is the sum of one row of each.
        usual: [classes, 512] -log p(entry of book 0 | phone class).
    """

    mean: np.ndarray
    basis: np.ndarray
    tables: np.ndarray
    usual: np.ndarray

    def save(self, path: str) -> None:
        """Write all arrays to one npz file."""
        np.savez(path, mean=self.mean, basis=self.basis, tables=self.tables, usual=self.usual)

    @classmethod
    def load(cls, path: str) -> "Codebooks":
        """Read what `save` wrote."""
        stored = np.load(path)
        return cls(stored["mean"], stored["basis"], stored["tables"], stored["usual"])

    def project(self, mel: np.ndarray) -> np.ndarray:
        """[T, 80] log-mel to [T, 52] components."""
        return np.asarray((mel - self.mean) @ self.basis, np.float32)

    def encode(self, mel: np.ndarray, levels: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """Codes of an utterance.

        Args:
            mel: [T, 80] log-mel frames.
            levels: [T] pitch levels.
            classes: [T] phone classes.

        Returns:
            [8, T] int16.
        """
        rest = self.project(mel)
        codes = np.zeros((self.tables.shape[0], len(mel)), np.int16)
        codes[0] = _smooth_path(rest, self.tables[0, :SHAPES, :MEL_PARTS], self.usual[classes])
        rest = rest - self.tables[0, codes[0], :MEL_PARTS]
        codes[1] = self.second(rest, levels)
        rest = rest - self.tables[1, codes[1], :MEL_PARTS]
        for book in range(2, len(codes)):
            codes[book] = nearest(rest, self.tables[book, :, :MEL_PARTS])
            rest = rest - self.tables[book, codes[book], :MEL_PARTS]
        return codes

    def second(self, rest: np.ndarray, levels: np.ndarray) -> np.ndarray:
        """[T] entries of book 1: the given level and the nearest of its corrections."""
        voiced = levels != UNVOICED
        result = np.zeros(len(rest), np.int64)
        shared = self.tables[1, :CORRECTIONS, :MEL_PARTS]
        if voiced.any():
            result[voiced] = levels[voiced].astype(np.int64) * CORRECTIONS
            result[voiced] += nearest(rest[voiced], shared)
        if not voiced.all():
            quiet = self.tables[1, LEVELS * CORRECTIONS :, :MEL_PARTS]
            result[~voiced] = LEVELS * CORRECTIONS + nearest(rest[~voiced], quiet)
        return result


def pitch_pattern(level: int) -> np.ndarray:
    """[12] numbers that name a pitch level: its height, and its phase advance in a frame.

    The advance is given as points on circles, once, twice and thrice around, which is what a
    decoder needs to carry the phase of the voice from frame to frame.
    """
    result = np.zeros(PITCH_PARTS, np.float32)
    if level == UNVOICED:
        result[0] = -1.0
    else:
        cycles = float(level_hz(np.array(level))) * FRAME / SAMPLE_RATE
        angles = 2 * np.pi * cycles * np.arange(1, 4)
        height = 2 * level / LEVELS - 1
        result[0] = 1.0
        result[1:4] = height, height * height, np.sin(np.pi * height)
        result[4:7], result[7:10] = np.cos(angles), np.sin(angles)
    return PITCH_SCALE * result


def nearest(points: np.ndarray, table: np.ndarray) -> np.ndarray:
    """[N] index of the row of `table` nearest to each of `points` [N, D]."""
    distance = (table * table).sum(1)[None] - 2.0 * points @ table.T
    return np.asarray(distance.argmin(1))


def k_means(points: Tensor, count: int, rounds: int, seed: int) -> Tensor:
    """[count, D] centres of `points` [N, D]; empty clusters are seeded anew each round."""
    generator = torch.Generator().manual_seed(seed)
    centres = points[torch.randperm(len(points), generator=generator)[:count]].clone()
    for _ in range(rounds):
        owner = torch.cat(
            [(centres.pow(2).sum(1) - 2 * p @ centres.T).argmin(1) for p in points.split(8192)]
        )
        size = torch.bincount(owner, minlength=count)
        total = torch.zeros_like(centres).index_add_(0, owner, points)
        fresh = points[torch.randint(len(points), (count,), generator=generator)]
        centres = torch.where(size[:, None] > 0, total / size.clamp(min=1)[:, None], fresh)
    return centres


def fit(
    mel: np.ndarray, levels: np.ndarray, classes: np.ndarray, ends: np.ndarray, class_count: int
) -> Codebooks:
    """Codebooks of a sample of speech.

    Args:
        mel: [N, 80] log-mel frames of many utterances, one after another.
        levels: [N] pitch levels.
        classes: [N] phone classes.
        ends: where each utterance ends.
        class_count: number of phone classes.
    """
    recipe = Recipe()
    size = recipe.codebook_size
    mean = mel.mean(0)
    covariance = np.cov((mel - mean).T)
    basis = np.linalg.eigh(covariance)[1][:, ::-1][:, :MEL_PARTS].astype(np.float32).copy()
    tables = np.zeros((recipe.codebooks, size, LATENT), np.float32)
    usual = np.zeros((class_count, SHAPES), np.float32)
    books = Codebooks(mean.astype(np.float32), basis, tables, usual)
    rest = books.project(mel)
    tables[0, :SHAPES, :MEL_PARTS] = k_means(torch.from_numpy(rest), SHAPES, 25, 0).numpy()
    first = nearest(rest, tables[0, :SHAPES, :MEL_PARTS])
    for _ in range(2):  # what is usual, and the paths that follow from it
        counts = np.full((class_count, SHAPES), 0.02)
        np.add.at(counts, (classes, first), 1.0)
        usual[:] = -np.log(counts / counts.sum(1, keepdims=True))
        shapes = tables[0, :SHAPES, :MEL_PARTS]
        bounds = zip([0, *ends[:-1]], ends, strict=True)
        first = np.concatenate(
            [_smooth_path(rest[a:b], shapes, usual[classes[a:b]]) for a, b in bounds]
        )
        _recentre(shapes, rest, first)
    rest = rest - tables[0, first, :MEL_PARTS]
    voiced = levels != UNVOICED
    centres = k_means(torch.from_numpy(rest[voiced]), CORRECTIONS, 25, 1).numpy()
    for level in range(LEVELS):
        rows = slice(level * CORRECTIONS, (level + 1) * CORRECTIONS)
        tables[1, rows, :MEL_PARTS] = centres
        tables[1, rows, MEL_PARTS:] = pitch_pattern(level)
    quiet = size - LEVELS * CORRECTIONS
    tables[1, -quiet:, :MEL_PARTS] = k_means(torch.from_numpy(rest[~voiced]), quiet, 25, 2).numpy()
    tables[1, -quiet:, MEL_PARTS:] = pitch_pattern(UNVOICED)
    rest = rest - tables[1, books.second(rest, levels), :MEL_PARTS]
    for book in range(2, recipe.codebooks):
        table = k_means(torch.from_numpy(rest), size, 15, book).numpy()
        tables[book, :, :MEL_PARTS] = table
        rest = rest - table[nearest(rest, table)]
    return books


def _recentre(table: np.ndarray, points: np.ndarray, owner: np.ndarray) -> None:
    """Move every used row of `table` to the mean of its points, in place."""
    counts = np.bincount(owner, minlength=len(table))
    total = np.zeros((len(table), points.shape[1]))
    np.add.at(total, owner, points)
    used = counts > 0
    table[used] = (total[used] / counts[used, None]).astype(np.float32)


def _smooth_path(points: np.ndarray, table: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """[T] entries that trade distance against surprise, by dynamic programming.

    Args:
        points: [T, D].
        table: [K, D].
        usual: [T, K] cost of an entry for the phone of each frame.
    """
    squares = (table * table).sum(1)[None] - 2.0 * points @ table.T
    cost = squares + _USUAL_COST * usual
    choice = np.argpartition(cost, _CANDIDATES, axis=1)[:, :_CANDIDATES]
    local = np.take_along_axis(cost, choice, 1)
    back = np.zeros_like(choice)
    total = local[0]
    for t in range(1, len(points)):
        best = int(total.argmin())
        stay = choice[t][:, None] == choice[t - 1][None]
        kept = np.where(stay, total[None], np.inf)
        source = kept.argmin(1)
        moved = total[best] + _CHANGE_COST
        keeps = kept[np.arange(len(source)), source] < moved
        back[t] = np.where(keeps, source, best)
        total = local[t] + np.where(keeps, kept[np.arange(len(source)), source], moved)
    path = np.zeros(len(points), np.int64)
    place = int(total.argmin())
    for t in range(len(points) - 1, -1, -1):
        path[t] = choice[t, place]
        place = int(back[t, place])
    return path

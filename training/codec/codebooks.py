"""The eight codebooks, made from features instead of learned through a decoder.

A token language that small models can speak wants tokens that follow from phone and pitch. So the
codec's latent is *distilled*: 64 numbers a frame, 52 of them principal components of a log-mel
spectrum (no phase), 12 a pattern of the pitch level. Book 0 holds the spectral shape, book 1 the
exact pitch level and a first correction, books 2 to 7 the rest, as residuals, with one code each
that adds nothing, for a fine stage that cannot know what to add.

Every phone class has entries of book 0 to itself, so that any entry drawn for a phone sounds like
that phone: what must be heard right is what the semantic token says for certain (SpeechTokenizer,
Zhang et al. 2024, teaches a first codebook from HuBERT to the same end). Paths through book 0 are
smoothed: keeping the last entry costs less.
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
FEWEST_SHAPES, MOST_SHAPES = 2, 48  # entries of book 0 for a phone class
CORRECTIONS = 11  # of book 1, for every pitch level
PITCH_SCALE = 2.0
NOTHING = 0  # code of books 2 to 7
_CHANGE_COST = 6.0


@dataclass(slots=True, eq=False)
class Codebooks:
    """Tables and what is needed to look frames up in them.

    Attributes:
        mean: [80] mean log-mel frame.
        basis: [80, 52] orthonormal principal directions.
        tables: [8, 1024, 64]; a latent is the sum of one row of each.
        shapes: [classes + 1] where the entries of book 0 of each phone class begin, and an end.
    """

    mean: np.ndarray
    basis: np.ndarray
    tables: np.ndarray
    shapes: np.ndarray

    def save(self, path: str) -> None:
        """Write all arrays to one npz file."""
        np.savez(path, mean=self.mean, basis=self.basis, tables=self.tables, shapes=self.shapes)

    @classmethod
    def load(cls, path: str) -> "Codebooks":
        """Read what `save` wrote."""
        stored = np.load(path)
        return cls(stored["mean"], stored["basis"], stored["tables"], stored["shapes"])

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
        codes[0] = self.first(rest, classes)
        rest = rest - self.tables[0, codes[0], :MEL_PARTS]
        codes[1] = self.second(rest, levels)
        rest = rest - self.tables[1, codes[1], :MEL_PARTS]
        for book in range(2, len(codes)):
            codes[book] = nearest(rest, self.tables[book, :, :MEL_PARTS])
            rest = rest - self.tables[book, codes[book], :MEL_PARTS]
        return codes

    def first(self, rest: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """[T] entries of book 0, each among those of its frame's phone class."""
        table = self.tables[0, :, :MEL_PARTS]
        result = np.zeros(len(rest), np.int64)
        cuts = np.flatnonzero(np.diff(classes)) + 1
        for start, end in zip([0, *cuts], [*cuts, len(classes)], strict=True):
            begin, stop = self.shapes[classes[start] : classes[start] + 2]
            result[start:end] = begin + _smooth_path(rest[start:end], table[begin:stop])
        return result

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
    shapes = np.zeros(class_count + 1, np.int64)
    books = Codebooks(mean.astype(np.float32), basis, tables, shapes)
    rest = books.project(mel)
    shapes[1:] = np.cumsum(share_out(rest, classes, class_count, size))
    for kind in range(class_count):
        begin, stop = shapes[kind : kind + 2]
        points = torch.from_numpy(rest[classes == kind])
        if len(points):
            tables[0, begin:stop, :MEL_PARTS] = k_means(points, stop - begin, 25, kind).numpy()
    first = np.zeros(len(rest), np.int64)
    for _ in range(2):  # the paths, and the centres that follow from them
        for a, b in zip([0, *ends[:-1]], ends, strict=True):
            first[a:b] = books.first(rest[a:b], classes[a:b])
        _recentre(tables[0, :, :MEL_PARTS], rest, first)
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
        table[NOTHING] = 0.0
        tables[book, :, :MEL_PARTS] = table
        rest = rest - table[nearest(rest, table)]
    return books


def share_out(points: np.ndarray, classes: np.ndarray, class_count: int, size: int) -> np.ndarray:
    """[classes] numbers of entries, `size` at most in all: more for phones that vary more.

    Args:
        points: [N, D].
        classes: [N] phone classes.
        class_count: number of phone classes.
        size: of the codebook.
    """
    weights, most = np.zeros(class_count), np.ones(class_count)
    for kind in np.unique(classes):
        own = points[classes == kind]
        weights[kind] = np.sqrt(((own - own.mean(0)) ** 2).sum())
        most[kind] = min(MOST_SHAPES, len(own))
    fewest = np.minimum(FEWEST_SHAPES, most)

    def counts(entries: float) -> np.ndarray:
        return np.clip(entries * weights / weights.sum(), fewest, most).astype(np.int64)

    low, high = 0.0, 100.0 * size
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if counts(middle).sum() <= size else (low, middle)
    return counts(low)


def _recentre(table: np.ndarray, points: np.ndarray, owner: np.ndarray) -> None:
    """Move every used row of `table` to the mean of its points, in place."""
    counts = np.bincount(owner, minlength=len(table))
    total = np.zeros((len(table), points.shape[1]))
    np.add.at(total, owner, points)
    used = counts > 0
    table[used] = (total[used] / counts[used, None]).astype(np.float32)


def _smooth_path(points: np.ndarray, table: np.ndarray) -> np.ndarray:
    """[T] entries that trade distance against change, by dynamic programming.

    Args:
        points: [T, D].
        table: [K, D].
    """
    cost = (table * table).sum(1)[None] - 2.0 * points @ table.T
    back = np.zeros(cost.shape, np.int64)
    total = cost[0]
    places = np.arange(len(table))
    for t in range(1, len(points)):
        best = int(total.argmin())
        moved = total[best] + _CHANGE_COST
        keeps = total < moved
        back[t] = np.where(keeps, places, best)
        total = cost[t] + np.where(keeps, total, moved)
    path = np.zeros(len(points), np.int64)
    path[-1] = int(total.argmin())
    for t in range(len(points) - 1, 0, -1):
        path[t - 1] = back[t, path[t]]
    return path

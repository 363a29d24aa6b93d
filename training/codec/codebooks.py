"""The eight codebooks, made from features instead of learned through a decoder.

A token language that small models can speak wants tokens that follow from phone and pitch. So the
codec's latent is *distilled*: 64 numbers a frame, 52 of them principal components of a log-mel
spectrum (no phase), 12 a pattern of the pitch level. Book 0 holds the spectral shape, book 1 the
exact pitch level and a first correction, books 2 to 7 the rest, as residuals, with one code each
that adds nothing, for a fine stage that cannot know what to add.

The first two books are chosen together, whatever is nearest: 13 bits for the spectrum of a frame.
(Entries of book 0 for every phone, so that any that is drawn for it sounds like it, leave twice the
error. They pay only for a coarse stage that draws at random.)
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
FEWEST_SHAPES, MOST_SHAPES = 2, 48  # entries of book 0 that a phone class begins with
CORRECTIONS = 11  # of book 1, for every pitch level
PITCH_SCALE = 2.0
NOTHING = 0  # code of books 2 to 7
_TRIED = 48  # nearest entries of book 0 that are tried with every correction
_ROUNDS = 8


@dataclass(slots=True, eq=False)
class Codebooks:
    """Tables and what is needed to look frames up in them.

    Attributes:
        mean: [80] mean log-mel frame.
        basis: [80, 52] orthonormal principal directions.
        tables: [8, 1024, 64]; a latent is the sum of one row of each.
    """

    mean: np.ndarray
    basis: np.ndarray
    tables: np.ndarray

    def save(self, path: str) -> None:
        """Write all arrays to one npz file."""
        np.savez(path, mean=self.mean, basis=self.basis, tables=self.tables)

    @classmethod
    def load(cls, path: str) -> "Codebooks":
        """Read what `save` wrote."""
        stored = np.load(path)
        return cls(stored["mean"], stored["basis"], stored["tables"])

    def project(self, mel: np.ndarray) -> np.ndarray:
        """[T, 80] log-mel to [T, 52] components."""
        return np.asarray((mel - self.mean) @ self.basis, np.float32)

    def encode(self, mel: np.ndarray, levels: np.ndarray) -> np.ndarray:
        """[8, T] int16 codes of log-mel frames [T, 80] with pitch levels [T]."""
        return self.codes_of(self.project(mel), levels)

    def codes_of(self, parts: np.ndarray, levels: np.ndarray) -> np.ndarray:
        """[8, T] int16 codes of components [T, 52] with pitch levels [T]."""
        codes = np.zeros((self.tables.shape[0], len(parts)), np.int16)
        codes[:2] = self.pairs(parts, levels)
        rest = parts - self.said(codes[:2])
        for book in range(2, len(codes)):
            codes[book] = nearest(rest, self.tables[book, :, :MEL_PARTS])
            rest = rest - self.tables[book, codes[book], :MEL_PARTS]
        return codes

    def said(self, codes: np.ndarray) -> np.ndarray:
        """[T, 52] components that codes [K, T] of the first K books stand for."""
        rows = [self.tables[book, row, :MEL_PARTS] for book, row in enumerate(codes)]
        return np.asarray(np.sum(rows, 0))

    def pairs(self, parts: np.ndarray, levels: np.ndarray) -> np.ndarray:
        """[2, T] entries of books 0 and 1 that are nearest together, at the given pitch."""
        result = np.zeros((2, len(parts)), np.int64)
        voiced = levels != UNVOICED
        level = levels.astype(np.int64) * CORRECTIONS
        first, last = 0, LEVELS * CORRECTIONS
        for who, options, base in (
            (voiced, self.tables[1, first:CORRECTIONS, :MEL_PARTS], level),
            (~voiced, self.tables[1, last:, :MEL_PARTS], np.full(len(parts), last)),
        ):
            for some in np.array_split(np.flatnonzero(who), 1 + who.sum() // 4096):
                if len(some):
                    shape, option = self._pairs(parts[some], options)
                    result[:, some] = shape, base[some] + option
        return result

    def _pairs(self, parts: np.ndarray, options: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        table = self.tables[0, :, :MEL_PARTS]
        alone = (table * table).sum(1)[None] - 2.0 * parts @ table.T
        near = np.argpartition(alone, _TRIED, 1)[:, :_TRIED]
        added = (options * options).sum(1)[None] + 2.0 * table @ options.T
        total = np.take_along_axis(alone, near, 1)[:, :, None] + added[near]
        total -= 2.0 * (parts @ options.T)[:, None]
        best = total.reshape(len(parts), -1).argmin(1)
        place = best // len(options)
        return np.take_along_axis(near, place[:, None], 1)[:, 0], best % len(options)


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


def fit(mel: np.ndarray, levels: np.ndarray, classes: np.ndarray, class_count: int) -> Codebooks:
    """Codebooks of a sample of speech.

    Args:
        mel: [N, 80] log-mel frames.
        levels: [N] pitch levels.
        classes: [N] phone classes.
        class_count: number of phone classes.
    """
    recipe = Recipe()
    size = recipe.codebook_size
    mean = mel.mean(0)
    covariance = np.cov((mel - mean).T)
    basis = np.linalg.eigh(covariance)[1][:, ::-1][:, :MEL_PARTS].astype(np.float32).copy()
    tables = np.zeros((recipe.codebooks, size, LATENT), np.float32)
    books = Codebooks(mean.astype(np.float32), basis, tables)
    parts = books.project(mel)
    ends = np.cumsum(share_out(parts, classes, class_count, size))
    for kind in range(class_count):
        begin, stop = ends[kind - 1] if kind else 0, ends[kind]
        points = torch.from_numpy(parts[classes == kind])
        if len(points):
            tables[0, begin:stop, :MEL_PARTS] = k_means(points, stop - begin, 25, kind).numpy()
    rest = parts - tables[0, nearest(parts, tables[0, :, :MEL_PARTS]), :MEL_PARTS]
    voiced = levels != UNVOICED
    centres = k_means(torch.from_numpy(rest[voiced]), CORRECTIONS, 25, 1).numpy()
    for level in range(LEVELS):
        rows = slice(level * CORRECTIONS, (level + 1) * CORRECTIONS)
        tables[1, rows, :MEL_PARTS] = centres
        tables[1, rows, MEL_PARTS:] = pitch_pattern(level)
    quiet = size - LEVELS * CORRECTIONS
    tables[1, -quiet:, :MEL_PARTS] = k_means(torch.from_numpy(rest[~voiced]), quiet, 25, 2).numpy()
    tables[1, -quiet:, MEL_PARTS:] = pitch_pattern(UNVOICED)
    for _ in range(_ROUNDS):
        refine(books, parts, levels)
    rest = parts - books.said(books.pairs(parts, levels))
    for book in range(2, recipe.codebooks):
        table = k_means(torch.from_numpy(rest), size, 15, book).numpy()
        table[NOTHING] = 0.0
        tables[book, :, :MEL_PARTS] = table
        rest = rest - table[nearest(rest, table)]
    return books


def refine(books: Codebooks, parts: np.ndarray, levels: np.ndarray) -> None:
    """Move the entries of books 0 and 1 to the means of what they are nearest to, in place.

    Args:
        books: to be changed.
        parts: [N, 52] components.
        levels: [N] pitch levels.
    """
    shapes = books.tables[0, :, :MEL_PARTS]
    corrections = books.tables[1, :, :MEL_PARTS]
    first, second = books.pairs(parts, levels)
    _recentre(shapes, parts - corrections[second], first)
    rest = parts - shapes[first]
    voiced = levels != UNVOICED
    _recentre(corrections, rest[~voiced], second[~voiced])
    shared = corrections[:CORRECTIONS]
    _recentre(shared, rest[voiced], second[voiced] % CORRECTIONS)
    corrections[: LEVELS * CORRECTIONS] = np.tile(shared, (LEVELS, 1))


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

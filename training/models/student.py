"""A regression from semantic tokens to spectra: what of the teacher's speech follows from them."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from training.codec.features import BANDS
from training.teacher.source import LEVELS, UNVOICED
from training.tokens.semantic import CLASSES, sounds_of

_NUMBERS = 6


@dataclass(frozen=True, slots=True)
class StudentSizes:
    """Sizes of the student; `dilations` has one number a layer."""

    voices: int
    width: int = 256
    dilations: tuple[int, ...] = (1, 2, 4, 1, 2, 4, 1, 2, 1)


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """What the student is told of every codec frame.

    Attributes:
        classes: [T, 3] phone classes: the one before, its own, the one after.
        numbers: [T, 6] float32: how far into the phone, how far to its end, and its length, all
            as logarithms; the share of it that is over; pitch level from -1 to 1; voiced or not.
        voice: index.
    """

    classes: np.ndarray
    numbers: np.ndarray
    voice: int


def frames_of(semantic: np.ndarray, levels: np.ndarray, voice: int) -> Frames:
    """Frames of semantic ids [N] with pitch levels [2 N]."""
    classes = np.repeat(sounds_of(semantic), 2)
    count = len(classes)
    starts = np.concatenate([[0], np.flatnonzero(np.diff(classes)) + 1])
    ends = np.concatenate([starts[1:], [count]])
    run = np.repeat(np.arange(len(starts)), ends - starts)
    phones = np.concatenate([[0], classes[starts], [0]])
    length = (ends - starts)[run]
    since = np.arange(count) - starts[run]
    voiced = levels != UNVOICED
    numbers = np.stack(
        [
            np.log1p(since),
            np.log1p(length - 1 - since),
            np.log(length),
            (since + 0.5) / length,
            np.where(voiced, 2.0 * levels / LEVELS - 1.0, 0.0),
            voiced,
        ],
        1,
    )
    neighbours = np.stack([phones[run], phones[run + 1], phones[run + 2]], 1)
    return Frames(neighbours.astype(np.int64), numbers.astype(np.float32), voice)


class Student(nn.Module):
    """Embeddings and dilated convolutions over frames, each added to its input."""

    def __init__(self, sizes: StudentSizes) -> None:
        super().__init__()
        self.sizes = sizes
        width = sizes.width
        self.phones = nn.ModuleList(nn.Embedding(len(CLASSES), width) for _ in range(3))
        self.voice = nn.Embedding(sizes.voices, width)
        self.numbers = nn.Linear(_NUMBERS, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in sizes.dilations)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(width, width, 3, dilation=d, padding=d) for d in sizes.dilations
        )
        self.last = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, BANDS))

    def forward(self, classes: Tensor, numbers: Tensor, voice: Tensor) -> Tensor:
        """Spectra.

        Args:
            classes: [B, T, 3] as in `Frames`.
            numbers: [B, T, 6].
            voice: [B].

        Returns:
            [B, T, 80] log-mel frames.
        """
        x = self.numbers(numbers) + self.voice(voice)[:, None]
        for index, table in enumerate(self.phones):
            x = x + table(classes[..., index])
        for norm, convolution in zip(self.norms, self.convolutions, strict=True):
            x = x + functional.gelu(convolution(norm(x).transpose(1, 2))).transpose(1, 2)
        return self.last(x)

    @torch.inference_mode()
    def spectrum(self, frames: Frames) -> np.ndarray:
        """[T, 80] log-mel frames of an utterance."""
        made: np.ndarray = self(
            torch.from_numpy(frames.classes)[None],
            torch.from_numpy(frames.numbers)[None],
            torch.tensor([frames.voice]),
        )[0].numpy()
        return made

"""Step 3: train a regression from semantic tokens to spectra; resumes where it stopped.

    python -m training.train_student --root DIR [--minutes 30] [--total 2000]

A token language that small models can speak must follow from what they are told. Much in a
teacher's spectrum does not: it depends on the whole sentence and on chance. So codes are made of
what this student says instead of what the teacher said (as non-autoregressive translation and
speech learn from a model's outputs instead of the data: Kim & Rush 2016, "Sequence-level knowledge
distillation"; Ren et al. 2019, "FastSpeech"). And speech without audio has codes, too.
"""

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from training import corpus
from training.loop import Loop, be_polite
from training.models.student import Frames, Student, StudentSizes, frames_of
from training.synthesise import HELD_OUT_FOLDER
from training.tokenise import spoken, teacher_mel

Pair = tuple[Frames, np.ndarray]


def pairs(folder: Path) -> Iterator[Pair]:
    """Frames of every utterance of a folder with the spectra [T, 80] that the teacher gave."""
    for utterance in corpus.read_all(folder):
        row = spoken(utterance)
        if len(row.semantic):
            frames = frames_of(row.semantic, row.levels, row.voice)
            yield frames, teacher_mel(utterance, row)


def batch(rows: list[Pair]) -> tuple[Tensor, ...]:
    """Classes, numbers, voices, spectra and a mask, filled up on the right."""
    longest = max(len(spectrum) for _, spectrum in rows)

    def stack(parts: list[np.ndarray]) -> Tensor:
        padded = [np.pad(p, ((0, longest - len(p)), (0, 0))) for p in parts]
        return torch.from_numpy(np.stack(padded))

    return (
        stack([frames.classes for frames, _ in rows]),
        stack([frames.numbers for frames, _ in rows]),
        torch.tensor([frames.voice for frames, _ in rows]),
        stack([spectrum for _, spectrum in rows]),
        stack([np.ones((len(spectrum), 1), np.float32) for _, spectrum in rows]),
    )


def error(student: Student, parts: tuple[Tensor, ...]) -> Tensor:
    """Mean absolute error of log-mel bands."""
    classes, numbers, voice, spectra, mask = parts
    difference = (student(classes, numbers, voice) - spectra).abs()
    return (difference.mean(-1, keepdim=True) * mask).sum() / mask.sum()


def main(arguments: list[str] | None = None) -> None:
    """Command line of this step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=1e9)
    parser.add_argument("--total", type=int, default=2_000)
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--rate", type=float, default=1e-3)
    options = parser.parse_args(arguments)
    be_polite()
    sizes = StudentSizes(len(corpus.VOICES))
    student = Student(sizes)
    optimizer = torch.optim.AdamW(
        student.parameters(), options.rate, betas=(0.9, 0.98), weight_decay=0.01, foreach=True
    )
    loop = Loop(
        options.root / "checkpoints" / "student.pt",
        {"model": student},
        {"all": optimizer},
        options.total,
        {"sizes": asdict(sizes)},
    )
    rows = list(pairs(options.root / "audio"))
    test = batch(list(pairs(options.root / HELD_OUT_FOLDER))[::4])
    random = np.random.default_rng(loop.step)
    for step in loop.steps(options.minutes):
        if step % 100 == 0:
            with torch.inference_mode():
                loop.record(held_out=float(error(student, test)))
        pool = [rows[i] for i in random.integers(0, len(rows), 4 * options.batch)]
        pool.sort(key=lambda pair: len(pair[1]))  # a batch of about equal length
        first = int(random.integers(3 * options.batch + 1))
        parts = batch(pool[first : first + options.batch])
        loss = error(student, parts)
        loop.learn(loss)
        loop.note(error=float(loss.detach()))


if __name__ == "__main__":
    main()

"""Step 4: codebooks, fitted once, then tokens of every shard that has none yet.

    python -m training.tokenise --root DIR [--minutes 45] [--watch]

Semantic tokens come from the teacher; the codec's are those of the spectra that the student makes
of them (`training.train_student`). The codebooks are fitted once and never again: every network
that comes after speaks their language.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from training import corpus, tokenised
from training.codec.codebooks import Codebooks, fit
from training.codec.features import log_mel
from training.loop import load
from training.models.student import Student, StudentSizes, frames_of
from training.recipe import Recipe
from training.synthesise import HELD_OUT_FOLDER
from training.teacher.source import FRAME, UNVOICED
from training.tokens import semantic


def spoken(utterance: corpus.Utterance) -> tokenised.Tokenised:
    """Semantic tokens and pitch levels of an utterance, trimmed alike; codes are left out."""
    ids, first = semantic.encode(utterance)
    levels = np.full(2 * len(ids), UNVOICED, np.int8)
    given = utterance.levels[2 * first : 2 * (first + len(ids))]
    levels[: len(given)] = given
    begin = first * semantic.TOKEN_SAMPLES
    none = np.zeros((Recipe().codebooks, 0), np.int16)
    return tokenised.Tokenised(utterance.text, utterance.voice, ids, none, levels, begin)


def teacher_mel(utterance: corpus.Utterance, row: tokenised.Tokenised) -> np.ndarray:
    """[2 N, 80] log-mel frames of the teacher's audio, trimmed as its tokens are."""
    first = row.first_sample // FRAME
    padded = np.pad(utterance.audio, (0, FRAME * 4))
    return log_mel(padded)[first : first + len(row.levels)]


def mel_and_classes(row: tokenised.Tokenised, student: Student) -> tuple[np.ndarray, np.ndarray]:
    """The student's log-mel frames [2 N, 80] of an utterance, and their phone classes [2 N]."""
    mel = student.spectrum(frames_of(row.semantic, row.levels, row.voice))
    return mel, np.repeat(semantic.sounds_of(row.semantic), 2)


def open_student(root: Path) -> Student:
    """The student that `training.train_student` made.

    Raises:
        FileNotFoundError: it has not been trained.
    """
    stored = load(root / "checkpoints" / "student.pt")
    student = Student(StudentSizes(**stored["about"]["sizes"]))
    student.load_state_dict(stored["modules"]["model"])
    return student.eval()


def fit_codebooks(root: Path, minutes: float, student: Student) -> Codebooks:
    """The codebooks of `root`, made from the first `minutes` of its audio if not there yet."""
    path = root / "codebooks.npz"
    if path.exists():
        return Codebooks.load(str(path))
    mels, levels, classes = [], [], []
    total = 0
    for utterance in corpus.read_all(root / "audio"):
        row = spoken(utterance)
        mel, kinds = mel_and_classes(row, student)
        mels.append(mel)
        levels.append(row.levels)
        classes.append(kinds)
        total += len(mel)
        if total >= minutes * 60 * 75:
            break
    else:
        raise ValueError(
            f"only {total / 75 / 60:.0f} minutes of audio: let `training.synthesise` run on, "
            "or ask for fewer --minutes"
        )
    print(f"fitting codebooks to {total} frames", flush=True)
    books = fit(
        np.concatenate(mels),
        np.concatenate(levels),
        np.concatenate(classes),
        len(semantic.CLASSES),
    )
    books.save(str(path))
    return books


def tokenise(shard: Path, target: Path, books: Codebooks, student: Student) -> None:
    """Write the tokens of a shard of utterances."""
    rows = []
    for utterance in corpus.read_shard(shard):
        row = spoken(utterance)
        if len(row.semantic):
            mel, _ = mel_and_classes(row, student)
            rows.append(replace(row, codes=books.encode(mel, row.levels)))
    tokenised.write(target, rows)
    print(target, flush=True)


def main(arguments: list[str] | None = None) -> None:
    """Command line of this step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=45.0, help="of speech for the codebooks")
    parser.add_argument("--watch", action="store_true", help="go on as new shards appear")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    student = open_student(options.root)
    books = fit_codebooks(options.root, options.minutes, student)
    while True:
        for name in (HELD_OUT_FOLDER, "audio", "front"):
            for shard in corpus.shards(options.root / name):
                target = options.root / "tokens" / name / shard.name
                if not target.exists():
                    tokenise(shard, target, books, student)
        if not options.watch:
            break
        time.sleep(60)


if __name__ == "__main__":
    main()

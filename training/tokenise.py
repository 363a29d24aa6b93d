"""Step 3: codebooks from the first hour of speech, then tokens of every shard that has none yet.

    python -m training.tokenise --root DIR [--minutes 45] [--watch]

The codebooks are fitted once, when there is enough speech, and never again: every network that
comes after speaks their language.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from training import corpus, tokenised
from training.codec.codebooks import Codebooks, fit
from training.codec.features import log_mel
from training.synthesise import HELD_OUT_FOLDER
from training.teacher.source import FRAME, UNVOICED
from training.tokens import semantic


def analyse(
    utterance: corpus.Utterance,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, int]:
    """Tokens and frames of an utterance, trimmed alike.

    Returns:
        semantic ids [N], log-mel [2 N, 80], pitch levels [2 N], phone classes [2 N], and the
        first sample kept.
    """
    ids, first = semantic.encode(utterance)
    frames = 2 * len(ids)
    begin = first * semantic.TOKEN_SAMPLES
    padded = np.pad(utterance.audio, (0, FRAME * 4))
    mel = log_mel(padded)[2 * first : 2 * first + frames]
    levels = np.full(frames, UNVOICED, np.int8)
    given = utterance.levels[2 * first : 2 * first + frames]
    levels[: len(given)] = given
    classes = np.repeat(ids // semantic.PITCH_BINS, 2)
    return ids, mel, levels, classes, begin


def tokenise(utterance: corpus.Utterance, books: Codebooks) -> tokenised.Tokenised:
    """The tokens of an utterance."""
    ids, mel, levels, classes, begin = analyse(utterance)
    codes = books.encode(mel, levels, classes)
    return tokenised.Tokenised(utterance.text, utterance.voice, ids, codes, levels, begin)


def fit_codebooks(root: Path, minutes: float) -> Codebooks:
    """The codebooks of `root`, made from the first `minutes` of its audio if not there yet."""
    path = root / "codebooks.npz"
    if path.exists():
        return Codebooks.load(str(path))
    mels, levels, classes, ends = [], [], [], []
    total = 0
    for utterance in corpus.read_all(root / "audio"):
        _, mel, level, kind, _ = analyse(utterance)
        mels.append(mel)
        levels.append(level)
        classes.append(kind)
        total += len(mel)
        ends.append(total)
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
        np.array(ends),
        len(semantic.CLASSES),
    )
    books.save(str(path))
    return books


def tokenise_front(root: Path) -> None:
    """Semantic tokens alone, of the shards that have no audio."""
    for shard in corpus.shards(root / "front"):
        target = root / "tokens" / "front" / shard.name
        if not target.exists():
            rows = []
            for utterance in corpus.read_shard(shard):
                ids, first = semantic.encode(utterance)
                codes, levels = np.zeros((8, 0), np.int16), np.zeros(0, np.int8)
                begin = first * semantic.TOKEN_SAMPLES
                row = tokenised.Tokenised(
                    utterance.text, utterance.voice, ids, codes, levels, begin
                )
                rows.append(row)
            tokenised.write(target, [r for r in rows if len(r.semantic)])
            print(target, flush=True)


def main(arguments: list[str] | None = None) -> None:
    """Command line of this step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=45.0, help="of speech for the codebooks")
    parser.add_argument("--watch", action="store_true", help="go on as new shards appear")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    books = fit_codebooks(options.root, options.minutes)
    while True:
        for name in (HELD_OUT_FOLDER, "audio"):
            for shard in corpus.shards(options.root / name):
                target = options.root / "tokens" / name / shard.name
                if not target.exists():
                    rows = [tokenise(u, books) for u in corpus.read_shard(shard)]
                    tokenised.write(target, [r for r in rows if len(r.semantic)])
                    print(target, flush=True)
        tokenise_front(options.root)
        if not options.watch:
            break
        time.sleep(60)


if __name__ == "__main__":
    main()

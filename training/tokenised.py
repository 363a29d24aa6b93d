"""Shards of token sequences on disk: what the codec's decoder and the transformers train on."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

# Folders of `tokens` with what the stages make of `tokens/audio` (`training.said`).
RETOLD = {"coarse": "said_coarse", "fine": "said_fine"}


@dataclass(frozen=True, slots=True, eq=False)
class Tokenised:
    """One utterance as tokens.

    Attributes:
        text: as a user would write it.
        voice: index into `corpus.VOICES`.
        semantic: [N] int16.
        codes: [8, 2 N] int16; [8, 0] where they have not been made.
        levels: [2 N] int8 pitch levels of the frames.
        first_sample: of the untrimmed audio.
    """

    text: str
    voice: int
    semantic: np.ndarray
    codes: np.ndarray
    levels: np.ndarray
    first_sample: int


def write(path: Path, rows: list[Tokenised]) -> None:
    """Write a shard whole or not at all."""
    heads = [{"text": r.text, "voice": r.voice, "first_sample": r.first_sample} for r in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".tmp")
    with draft.open("wb") as file:
        np.savez(
            file,
            heads=np.array(json.dumps(heads)),
            ends=np.cumsum([len(r.semantic) for r in rows]),
            semantic=np.concatenate([r.semantic for r in rows]),
            codes=np.concatenate([r.codes for r in rows], axis=1),
            levels=np.concatenate([r.levels for r in rows]),
        )
    draft.rename(path)


def read(path: Path) -> list[Tokenised]:
    """The rows of a shard."""
    with np.load(path) as stored:
        heads = json.loads(str(stored["heads"]))
        ends = stored["ends"].tolist()
        semantic, codes, levels = stored["semantic"], stored["codes"], stored["levels"]
    rows = []
    for head, start, end in zip(heads, [0, *ends[:-1]], ends, strict=True):
        part = codes[:, 2 * start : 2 * end]
        rows.append(
            Tokenised(
                head["text"],
                head["voice"],
                semantic[start:end],
                part,
                levels[2 * start : 2 * end],
                head["first_sample"],
            )
        )
    return rows


def read_all(folder: Path) -> Iterator[Tokenised]:
    """Every row of every shard of a folder."""
    for path in sorted(folder.glob("shard-*.npz")):
        yield from read(path)


def retold(root: Path, stage: str, shard: str) -> dict[tuple[str, int], Tokenised]:
    """Rows of a shard of `root`/tokens/audio as a stage made them, by text and voice.

    Args:
        root: of the pipeline.
        stage: a key of `RETOLD`.
        shard: its file name; of one that has not been retold there are none.
    """
    path = root / "tokens" / RETOLD[stage] / shard
    return {(row.text, row.voice): row for row in read(path)} if path.exists() else {}


def retellings(root: Path) -> list[tuple[Tokenised, Tokenised]]:
    """Rows as spoken, and as the coarse stage made them, of every shard that has been retold."""
    pairs: list[tuple[Tokenised, Tokenised]] = []
    for shard in sorted((root / "tokens" / RETOLD["coarse"]).glob("shard-*.npz")):
        made = retold(root, "coarse", shard.name)
        spoken = read(root / "tokens" / "audio" / shard.name)
        pairs.extend((row, made[row.text, row.voice]) for row in spoken)
    return pairs


def prompt_of(root: Path, voice: int) -> Tokenised:
    """A voice prompt: the first training utterance of a voice with 4 to 6 s of speech."""
    for row in read_all(root / "tokens" / "audio"):
        if row.voice == voice and 150 <= len(row.semantic) <= 230:
            return row
    raise ValueError("no utterance fits as a prompt: tokenise more audio")

"""Shards of teacher utterances on disk: audio, phones, durations and pitch."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

VOICES = ("af_heart", "am_michael")
UTTERANCES_PER_SHARD = 50


@dataclass(frozen=True, slots=True, eq=False)
class Utterance:
    """One sentence by the teacher.

    Attributes:
        text: as a user would write it.
        voice: index into `VOICES`.
        phones: the teacher's phones, one character each.
        durations: [len(phones) + 2] int16, 40 Hz frames of boundary, phones, boundary.
        f0_hz: [P] float16 pitch at 80 Hz, the teacher's own.
        levels: [F] int8 pitch levels at 75 Hz with which it was spoken.
        audio: [300 P] int16 samples at 24 kHz; empty where only the front network ran.
    """

    text: str
    voice: int
    phones: str
    durations: np.ndarray
    f0_hz: np.ndarray
    levels: np.ndarray
    audio: np.ndarray


_ARRAYS = ("durations", "f0_hz", "levels", "audio")
_TYPES = {"durations": np.int16, "f0_hz": np.float16, "levels": np.int8, "audio": np.int16}


def write_shard(path: Path, utterances: list[Utterance]) -> None:
    """Write a shard whole or not at all."""
    heads = [{"text": u.text, "voice": u.voice, "phones": u.phones} for u in utterances]
    fields: dict[str, np.ndarray] = {"heads": np.array(json.dumps(heads))}
    for name in _ARRAYS:
        parts = [getattr(u, name) for u in utterances]
        fields[name] = np.concatenate(parts).astype(_TYPES[name])
        fields[f"{name}_end"] = np.cumsum([len(part) for part in parts])
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".tmp")
    with draft.open("wb") as file:
        np.savez(file, **fields)
    draft.rename(path)


def read_shard(path: Path) -> list[Utterance]:
    """The utterances of a shard."""
    with np.load(path) as stored:
        heads = json.loads(str(stored["heads"]))
        columns = {
            name: np.split(stored[name], stored[f"{name}_end"][:-1].tolist()) for name in _ARRAYS
        }
    return [
        Utterance(**head, **{name: columns[name][index] for name in _ARRAYS})
        for index, head in enumerate(heads)
    ]


def shards(folder: Path) -> list[Path]:
    """The finished shards of a folder, in order."""
    return sorted(folder.glob("shard-*.npz"))


def read_all(folder: Path) -> Iterator[Utterance]:
    """Every utterance of a folder."""
    for path in shards(folder):
        yield from read_shard(path)

"""Finds voices on disk. What is found here is all that a store will ever open."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from bark_core.errors import CheckpointError, ConfigError
from bark_core.voices.npz import ARRAY_NAMES
from bark_core.voices.store import NpyFiles, NpzFile, VoiceSource

INDEX_FILE = "speaker_embeddings_path.json"
EMBEDDINGS_DIRECTORY = "speaker_embeddings"
MAX_INDEX_BYTES = 4 * 1024 * 1024  # the published one has 61 kB
MAX_VOICES = 10_000
_SEMANTIC_SUFFIX = "_semantic_prompt.npy"


def find_voices(root: Path) -> dict[str, VoiceSource]:
    """Voices of a checkpoint directory: the Hugging Face layout, or else Suno's ``.npz`` files.

    The Hugging Face layout is read through ``speaker_embeddings_path.json`` where it exists, in
    its order, else by scanning ``speaker_embeddings/``. Suno's ``.npz`` lie in ``prompts/``.

    Raises:
        CheckpointError: The index is damaged or points outside the checkpoint.
    """
    index = root / INDEX_FILE
    embeddings = root / EMBEDDINGS_DIRECTORY
    if index.is_file():
        # Like the transformers package: a voice that was not fetched is not offered.
        indexed = _from_index(index, root)
        return {name: files for name, files in indexed.items() if not _missing(files)}
    if embeddings.is_dir():
        return _from_scan(embeddings)
    prompts = root / "prompts"
    return find_npz_voices(prompts) if prompts.is_dir() else {}


def find_npz_voices(directory: Path) -> dict[str, VoiceSource]:
    """All ``*.npz`` below a directory, named by their path without suffix (``v2/en_speaker_6``).

    Raises:
        ConfigError: It is no directory or holds absurdly many.
    """
    if not directory.is_dir():
        raise ConfigError(f"the voice directory {directory} does not exist")
    found: dict[str, VoiceSource] = {}
    for path in sorted(directory.rglob("*.npz")):
        if len(found) >= MAX_VOICES:
            raise ConfigError(f"{directory} holds more than {MAX_VOICES} voices")
        found[path.relative_to(directory).with_suffix("").as_posix()] = NpzFile(path)
    return found


def missing_voice_files(root: Path) -> bool:
    """True where the index names a voice that is not (completely) there.

    Raises:
        CheckpointError: The index is damaged or points outside the checkpoint.
    """
    index = root / INDEX_FILE
    return index.is_file() and any(map(_missing, _from_index(index, root).values()))


def _missing(files: NpyFiles) -> bool:
    return not (files.semantic.is_file() and files.coarse.is_file() and files.fine.is_file())


def _from_scan(embeddings: Path) -> dict[str, VoiceSource]:
    found: dict[str, VoiceSource] = {}
    for path in sorted(embeddings.rglob(f"*{_SEMANTIC_SUFFIX}")):
        if len(found) >= MAX_VOICES:
            raise CheckpointError(f"{embeddings} holds more than {MAX_VOICES} voices")
        name = path.relative_to(embeddings).as_posix().removesuffix(_SEMANTIC_SUFFIX)
        stem = path.name.removesuffix(_SEMANTIC_SUFFIX)
        found[name] = NpyFiles(
            semantic=path,
            coarse=path.with_name(f"{stem}_coarse_prompt.npy"),
            fine=path.with_name(f"{stem}_fine_prompt.npy"),
        )
    return found


def _from_index(index: Path, root: Path) -> dict[str, NpyFiles]:
    try:
        if index.stat().st_size > MAX_INDEX_BYTES:
            raise CheckpointError(f"{index} is larger than {MAX_INDEX_BYTES} bytes")
        content = json.loads(index.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{index} is not readable JSON: {error}") from error
    if not isinstance(content, dict) or len(content) > MAX_VOICES:
        raise CheckpointError(f"{index} must be an object of at most {MAX_VOICES} voices")
    return {
        name: _indexed(index, root, name, entry)
        for name, entry in content.items()
        if name != "repo_or_path"
    }


def _indexed(index: Path, root: Path, name: str, entry: object) -> NpyFiles:
    if not isinstance(entry, Mapping) or not all(
        isinstance(entry.get(key), str) for key in ARRAY_NAMES
    ):
        raise CheckpointError(f"{index}: the voice {name!r} must name {', '.join(ARRAY_NAMES)}")
    semantic, coarse, fine = (_contained(index, root, name, str(entry[key])) for key in ARRAY_NAMES)
    return NpyFiles(semantic=semantic, coarse=coarse, fine=fine)


def _contained(index: Path, root: Path, name: str, relative: str) -> Path:
    """The path below ``root``, compared as text: cached files are links to a place outside it."""
    base = os.path.abspath(root)  # noqa: PTH100 (resolve would follow the links)
    target = os.path.abspath(os.path.join(base, relative))  # noqa: PTH100, PTH118
    if "\0" in relative or os.path.commonpath([base, target]) != base:
        raise CheckpointError(f"{index}: the voice {name!r} points outside the checkpoint")
    return Path(target)

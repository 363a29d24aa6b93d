"""Looks for checkpoints in the places where they usually lie."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

from bark_core.checkpoints import open_checkpoint
from bark_core.checkpoints.hf_directory import is_hugging_face
from bark_core.checkpoints.json_file import read_object
from bark_core.checkpoints.opening import EMBEDDED, embedded_folder
from bark_core.checkpoints.suno_directory import is_suno, suno_cache
from bark_core.doctor.report import FoundCheckpoint
from bark_core.drop_in.model_cache import CHECKPOINT_VARIABLE
from bark_core.errors import BarkstreamError, CheckpointError


def find_checkpoints() -> tuple[FoundCheckpoint, ...]:
    """Checkpoints on this machine, each tried for being whole. Nothing is fetched or loaded."""
    return tuple(
        FoundCheckpoint(spec=spec, origin=origin, problem=_problem(spec))
        for spec, origin in _candidates()
    )


def _candidates() -> Iterator[tuple[str, str]]:
    """What to give to ``open_checkpoint``, and where it was found."""
    if is_hugging_face(embedded_folder()):
        yield EMBEDDED, "package"
    if named := os.environ.get(CHECKPOINT_VARIABLE):
        yield named, f"environment variable {CHECKPOINT_VARIABLE}"
    for repository in _cached_repositories():
        yield repository, "hub cache"
    if is_suno(suno_cache()):
        yield str(suno_cache()), "Suno's cache"


def _cached_repositories() -> Iterator[str]:
    """Hub ids of the Barks in the cache."""
    if importlib.util.find_spec("huggingface_hub") is None:
        return
    from huggingface_hub import constants  # noqa: PLC0415 (optional)

    for folder in sorted(Path(constants.HF_HUB_CACHE).glob("models--*--*")):
        if any(map(_is_bark, folder.glob("snapshots/*/config.json"))):
            yield folder.name.removeprefix("models--").replace("--", "/", 1)


def _is_bark(config_file: Path) -> bool:
    try:
        return read_object(config_file).get("model_type") == "bark"
    except CheckpointError:
        return False


def _problem(spec: str) -> str:
    try:
        open_checkpoint(spec, offline=True).tokenizer()
    except BarkstreamError as error:
        return error.message
    return ""

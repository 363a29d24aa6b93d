"""Finds a checkpoint by its specification."""

from __future__ import annotations

import importlib.resources
from pathlib import Path

from bark_core import embedded
from bark_core.checkpoints import noise
from bark_core.checkpoints.checkpoint import Checkpoint, NoiseWeights, SynthesisDefaults
from bark_core.checkpoints.hf_directory import is_hugging_face, open_hugging_face
from bark_core.checkpoints.hub import is_hub_id, open_hub
from bark_core.checkpoints.suno_directory import is_suno, open_suno
from bark_core.errors import CheckpointError

EMBEDDED = "embedded"
_EMBEDDED_FOLDER = "barkstream-tiny"


def open_noise(notice: str = noise.NOTICE) -> Checkpoint:
    """The random model."""
    return Checkpoint(
        name=noise.NAME,
        config=noise.config(),
        defaults=SynthesisDefaults(),
        default_voice=noise.DEFAULT_VOICE,
        weights=NoiseWeights(),
        tokenizer_file=None,
        voice_root=None,
        notice=notice,
    )


def open_checkpoint(
    spec: str = "embedded", *, offline: bool | None = None, progress: bool = True
) -> Checkpoint:
    """Find a checkpoint; download what is missing of one on the hub. Loads no weights.

    Args:
        spec: "embedded" (the voice shipped with this package), "noise" (a tiny random model), a
            directory (Hugging Face or Suno layout) or a hub id such as "suno/bark-small".
        offline: Never use the network; None: as ``HF_HUB_OFFLINE`` says.
        progress: Show a bar while downloading.

    Raises:
        CheckpointError: It does not exist, is incomplete, or contradicts itself.
        MissingDependencyError: A hub id needs ``huggingface_hub``.
    """
    if spec == noise.NAME:
        return open_noise()
    if spec == EMBEDDED:
        return open_embedded()
    directory = Path(spec).expanduser()
    if directory.is_dir():
        return open_directory(directory)
    if is_hub_id(spec):
        return open_hub(spec, offline=offline, progress=progress)
    raise CheckpointError(
        f"no checkpoint {spec!r}: name an existing directory, a hub id such as suno/bark-small, "
        f"{EMBEDDED!r} or {noise.NAME!r}"
    )


def open_embedded() -> Checkpoint:
    """The voice shipped with this package, or noise with a notice while none is shipped.

    Raises:
        CheckpointError: It is damaged.
    """
    shipped = embedded_folder()
    if is_hugging_face(shipped):
        return open_hugging_face(shipped, EMBEDDED)
    return open_noise(f"no voice is shipped with this version: {noise.NOTICE}")


def embedded_folder() -> Path:
    """Where the voice shipped with this package lies, if one is."""
    return Path(str(importlib.resources.files(embedded))) / _EMBEDDED_FOLDER


def open_directory(directory: Path) -> Checkpoint:
    """A directory in the Hugging Face or in Suno's layout.

    Raises:
        CheckpointError: Neither, or damaged.
    """
    root = directory.absolute()
    if is_hugging_face(root):
        return open_hugging_face(root, root.name)
    if is_suno(root):
        return open_suno(root, root.name)
    raise CheckpointError(
        f"{root} is no Bark checkpoint: it holds neither config.json (Hugging Face layout) nor "
        "text.pt or text_2.pt (Suno's layout)"
    )

"""Finds a checkpoint by its specification."""

from __future__ import annotations

from bark_core.checkpoints import noise
from bark_core.checkpoints.checkpoint import Checkpoint, NoiseWeights, SynthesisDefaults
from bark_core.errors import CheckpointError


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
    if spec in ("embedded", noise.NAME):
        return open_noise()
    raise CheckpointError(f"no checkpoint {spec!r}")

"""Writes weights and voices as a checkpoint in the Hugging Face layout.

For those who make checkpoints (training, tests): what is written here, ``load_stage`` reads.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from bark_core.checkpoints import StageName, SynthesisDefaults
from bark_core.checkpoints.hf_export import write_config
from bark_core.config import BarkConfig
from bark_core.voices import Voice
from bark_core.voices.directories import EMBEDDINGS_DIRECTORY, INDEX_FILE
from bark_core.voices.npz import ARRAY_NAMES
from bark_core.weights.names import PREFIXES
from bark_core.weights.stored import FloatArray
from bark_core.weights.widening import SCALE_SUFFIX

StorageType = Literal["float32", "float16", "int8"]
_INT8_MAX = 127


def write_checkpoint(
    directory: Path,
    config: BarkConfig,
    defaults: SynthesisDefaults,
    stages: Mapping[StageName, Mapping[str, FloatArray]],
    voices: Mapping[str, Voice],
    *,
    storage: StorageType = "float16",
) -> None:
    """Write config, ``model.safetensors`` and ``speaker_embeddings/``; the tokenizer is yours.

    Args:
        directory: Made if it is not there.
        config: Sizes and token ids.
        defaults: How it wants to be sampled.
        stages: Canonical tensors of all four stages.
        voices: By name; the first is the default (unless one has Bark's usual name).
        storage: How the tensors are kept. "int8" keeps vectors in float16.
    """
    directory.mkdir(parents=True, exist_ok=True)
    write_config(directory, config, defaults)
    tensors: dict[str, NDArray[Any]] = {}
    for stage, state in stages.items():
        for name, tensor in state.items():
            tensors.update(_stored(PREFIXES[stage] + name, tensor, storage))
    path = directory / "model.safetensors"
    save_file(tensors, path, metadata={"format": "pt"})
    path.chmod(0o644)  # made for its owner only
    write_voices(directory, voices)


def write_voices(directory: Path, voices: Mapping[str, Voice]) -> None:
    """Write ``speaker_embeddings/`` and its index."""
    index: dict[str, dict[str, str]] = {}
    for name, voice in voices.items():
        index[name] = {}
        for key, codes in zip(ARRAY_NAMES, (voice.semantic, voice.coarse, voice.fine), strict=True):
            relative = f"{EMBEDDINGS_DIRECTORY}/{name}_{key}.npy"
            path = directory / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, codes.astype(np.int32), allow_pickle=False)
            index[name][key] = relative
    text = json.dumps(index, indent=2)
    (directory / INDEX_FILE).write_text(text + "\n", encoding="utf-8")


def _stored(name: str, tensor: FloatArray, storage: StorageType) -> dict[str, NDArray[Any]]:
    if storage == "float32":
        return {name: np.ascontiguousarray(tensor, np.float32)}
    if storage == "float16" or tensor.ndim == 1:
        return {name: np.ascontiguousarray(tensor, np.float16)}
    rows = tensor.reshape(tensor.shape[0], -1)  # [n, m]
    scale = (np.abs(rows).max(axis=1).clip(1e-12) / np.float32(_INT8_MAX)).astype(np.float32)  # [n]
    rounded = np.rint(rows / scale[:, None]).astype(np.int8)
    return {name: rounded.reshape(tensor.shape), name + SCALE_SUFFIX: scale}

"""Loads one stage of a checkpoint, strictly."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from bark_core.checkpoints import (
    Checkpoint,
    HuggingFaceWeights,
    NoiseWeights,
    StageName,
    SunoWeights,
)
from bark_core.config import BarkConfig
from bark_core.errors import CheckpointError
from bark_core.weights.files import read_suno_model, read_tensors
from bark_core.weights.names import PREFIXES, from_encodec, from_suno, is_left_aside, renamed
from bark_core.weights.noise import random_stage
from bark_core.weights.shapes import stage_shapes
from bark_core.weights.stored import StateDict, StoredTensors
from bark_core.weights.widening import folded, widened

_NAMES_SHOWN = 4


def load_stage(checkpoint: Checkpoint, stage: StageName) -> StateDict:
    """Tensors of one stage: float32, contiguous, by canonical name.

    They may be mapped from the file: cheap until they are touched, and a change does not reach it.

    Raises:
        CheckpointError: A file is missing, damaged or unsafe; a tensor is missing, unexpected, of
            another shape than declared or not finite. Names the file or the tensors.
        MissingDependencyError: Its files are pickled and torch is not installed.
    """
    match checkpoint.weights:
        case NoiseWeights(seed):
            return random_stage(checkpoint.config, stage, seed)
        case HuggingFaceWeights(files):
            stored = _with_prefix(read_tensors(files), stage)
            origin = str(files[0])
        case SunoWeights() as paths:
            path = getattr(paths, stage)
            origin = str(path)
            stored = (
                renamed(read_tensors((path,)), from_encodec)
                if stage == "codec"
                else renamed(read_suno_model(path), from_suno)
            )
    return assemble(checkpoint.config, stage, stored, origin)


def assemble(config: BarkConfig, stage: StageName, stored: StoredTensors, origin: str) -> StateDict:
    """The canonical tensors of a stage out of those stored, or an error that names the culprits.

    Args:
        config: Declares the shapes.
        stage: Which stage.
        stored: Tensors by canonical name, in any storage form (see ``bark_core.weights.widening``).
        origin: File, for messages.

    Raises:
        CheckpointError: A tensor is missing, unexpected, mis-shaped or not finite.
    """
    needed = {
        name: tensor
        for name, tensor in stored.items()
        if not is_left_aside(stage, name, config.fine.n_codebooks)
    }
    try:
        tensors = widened(needed)
        if stage == "codec":
            tensors = folded(tensors)
        if stage == "fine":
            tensors = _without_tied_heads(tensors)
        _check(tensors, stage_shapes(config, stage))
    except CheckpointError as error:
        raise CheckpointError(f"{origin}, {stage} stage: {error.message}") from error
    return {
        name: np.require(tensor, np.float32, ("C", "ALIGNED", "WRITEABLE"))
        for name, tensor in tensors.items()
    }


def _with_prefix(tensors: StoredTensors, stage: StageName) -> StoredTensors:
    """The stage's tensors without its prefix."""
    strangers = [name for name in tensors if not name.startswith(tuple(PREFIXES.values()))]
    if strangers:
        raise CheckpointError(
            f"tensors that belong to no stage of Bark: {_listed(strangers)}; the names must begin "
            f"with {', '.join(PREFIXES.values())}"
        )
    prefix = PREFIXES[stage]
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def _without_tied_heads(tensors: StateDict) -> StateDict:
    """Drop the fine stage's heads, which must equal the next code book's table.

    A file holds both copies or either: safetensors keeps one of tensors that share memory.
    """
    tied = {name: tensor for name, tensor in tensors.items() if not name.startswith("lm_heads.")}
    for name in tensors.keys() - tied.keys():
        head = name.removeprefix("lm_heads.").removesuffix(".weight")
        if not head.isdecimal():
            raise CheckpointError(f"unexpected tensor {name}")
        table = f"input_embeds_layers.{int(head) + 1}.weight"
        if table not in tied:
            tied[table] = tensors[name]
        elif not np.array_equal(tied[table], tensors[name]):
            raise CheckpointError(f"{name} differs from {table}, but Bark ties them")
    return tied


def _check(tensors: StateDict, shapes: dict[str, tuple[int, ...]]) -> None:
    if missing := shapes.keys() - tensors.keys():
        raise CheckpointError(f"{len(missing)} tensors are missing: {_listed(missing)}")
    if unexpected := tensors.keys() - shapes.keys():
        raise CheckpointError(f"{len(unexpected)} unexpected tensors: {_listed(unexpected)}")
    for name, tensor in tensors.items():
        if tensor.shape != shapes[name]:
            raise CheckpointError(
                f"{name} has the shape {list(tensor.shape)} but the config declares "
                f"{list(shapes[name])}"
            )
        # The extremes show infinities, and NaN spreads to them; no mask of the tensor's size.
        if tensor.size and not np.isfinite((tensor.min(), tensor.max())).all():
            raise CheckpointError(f"{name} holds values that are not finite; fetch the file again")


def _listed(names: Iterable[str]) -> str:
    ordered = sorted(names)
    more = "" if len(ordered) <= _NAMES_SHOWN else f" and {len(ordered) - _NAMES_SHOWN} more"
    return ", ".join(name[:100] for name in ordered[:_NAMES_SHOWN]) + more

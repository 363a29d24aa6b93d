"""Loads one stage of a checkpoint."""

from __future__ import annotations

import torch

from bark_core.checkpoints import Checkpoint, NoiseWeights, StageName
from bark_core.weights.noise import random_stage

StateDict = dict[str, torch.Tensor]


def load_stage(checkpoint: Checkpoint, stage: StageName) -> StateDict:
    """Tensors of one stage, float32 on the CPU, by canonical name.

    Raises:
        CheckpointError: A file is missing, damaged, unsafe or of another shape than declared.
    """
    match checkpoint.weights:
        case NoiseWeights(seed):
            made = random_stage(checkpoint.config, stage, seed)
            return {name: torch.from_numpy(tensor) for name, tensor in made.items()}
    raise AssertionError

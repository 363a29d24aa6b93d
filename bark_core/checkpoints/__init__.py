"""Checkpoints: found and understood without the neural network library."""

from bark_core.checkpoints.checkpoint import (
    STAGES,
    Checkpoint,
    HuggingFaceWeights,
    NoiseWeights,
    StageName,
    SunoWeights,
    SynthesisDefaults,
    WeightSource,
)
from bark_core.checkpoints.opening import open_checkpoint

__all__ = [
    "STAGES",
    "Checkpoint",
    "HuggingFaceWeights",
    "NoiseWeights",
    "StageName",
    "SunoWeights",
    "SynthesisDefaults",
    "WeightSource",
    "open_checkpoint",
]

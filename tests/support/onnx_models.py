"""Random weights of small Barks, converted for the onnx back end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bark_core.backends.base import BackendLimits
from bark_core.backends.onnx.backend import OnnxBackend
from bark_core.backends.onnx.convert import build_graphs
from bark_core.backends.onnx.precision import PRECISIONS, Precision
from bark_core.backends.onnx.session import GraphDirectory
from bark_core.checkpoints import StageName
from bark_core.config import BarkConfig
from tests.support.reference import StateDict, make_random_hf_bark, stage_state_dicts

FloatArray = NDArray[np.float32]


def random_weights(config: BarkConfig, seed: int) -> dict[str, StateDict]:
    """Tensors of every stage, lively enough for argmax."""
    return stage_state_dicts(make_random_hf_bark(config, seed))


def convert(
    directory: Path, config: BarkConfig, weights: dict[str, StateDict], precision: str | Precision
) -> GraphDirectory:
    """The graphs of these weights in a new directory."""
    kept = precision if isinstance(precision, Precision) else PRECISIONS[precision]

    def load(stage: StageName) -> dict[str, FloatArray]:
        return {name: tensor.numpy() for name, tensor in weights[stage].items()}

    directory.mkdir()
    build_graphs(directory, config, kept, load, 8)
    return GraphDirectory(directory)


def open_backend(
    graphs: GraphDirectory,
    config: BarkConfig,
    precision: str,
    limits: BackendLimits,
    *,
    threads: int = 1,
) -> OnnxBackend:
    """A back end of converted graphs."""
    return OnnxBackend(graphs, config, PRECISIONS[precision], limits, threads)

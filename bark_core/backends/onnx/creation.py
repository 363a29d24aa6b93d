"""From a specification to a back end: find or make the graphs, then open them."""

from __future__ import annotations

import importlib.util
import logging
from pathlib import Path

from bark_core.backends.onnx.backend import OnnxBackend, default_limits
from bark_core.backends.onnx.cache import GraphCache, cache_root
from bark_core.backends.onnx.digest import graphs_key, weights_digest
from bark_core.backends.onnx.machine import choose_threads, dynamic_int8_bits
from bark_core.backends.onnx.precision import Precision, precision_of
from bark_core.backends.onnx.session import GraphDirectory
from bark_core.backends.registry import BackendSpec
from bark_core.checkpoints import Checkpoint, StageName
from bark_core.errors import ConfigError, MissingDependencyError
from bark_core.weights import StateDict, load_stage

_log = logging.getLogger(__name__)


def create_onnx_backend(spec: BackendSpec) -> OnnxBackend:
    """Load a checkpoint into a back end; the first time, convert it.

    Raises:
        CheckpointError: The checkpoint cannot be loaded.
        ConfigError: Device or dtype is not offered, or the conversion cannot be kept.
        MissingDependencyError: Converting needs packages that are not installed.
    """
    if spec.device not in ("auto", "cpu"):
        raise ConfigError(
            f"the onnx back end runs on the CPU, not on {spec.device!r}: use the torch back end"
        )
    precision = precision_of(spec.dtype)
    directory = find_or_convert(spec.checkpoint, precision, GraphCache(cache_root()))
    config = spec.checkpoint.config
    threads = choose_threads(spec.threads, config)
    return OnnxBackend(
        GraphDirectory(directory), config, precision, default_limits(spec.slots), threads
    )


def find_or_convert(checkpoint: Checkpoint, precision: Precision, cache: GraphCache) -> Path:
    """The directory of a checkpoint's graphs.

    Raises:
        CheckpointError: The checkpoint cannot be loaded.
        ConfigError: The conversion cannot be kept.
        MissingDependencyError: Converting needs packages that are not installed.
    """
    bits = dynamic_int8_bits()
    weights = weights_digest(checkpoint, cache.digests)
    key = graphs_key(checkpoint.config, precision, bits, weights)
    found = cache.find(key)
    if found is not None:
        return found
    _log.info("converting %s for ONNX Runtime, once: %s", checkpoint.name, cache.root / key)

    def build(draft: Path) -> None:
        _convert(draft, checkpoint, precision, bits)

    return cache.add(key, build)


def _convert(directory: Path, checkpoint: Checkpoint, precision: Precision, bits: int) -> None:
    if importlib.util.find_spec("onnx") is None:
        raise MissingDependencyError(
            "converting a checkpoint for the onnx back end needs onnx, once: "
            "pip install 'barkstream[onnx]'"
        )
    # Only here, so that a start with converted graphs is quick and does not need it.
    from bark_core.backends.onnx.convert import build_graphs  # noqa: PLC0415

    def load(stage: StageName) -> StateDict:
        return load_stage(checkpoint, stage)

    build_graphs(directory, checkpoint.config, precision, load, bits)

"""From a specification to a back end: find or make the graphs, then open them."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bark_core.backends.onnx.backend import OnnxBackend, default_limits
from bark_core.backends.onnx.cache import CannotKeepError, GraphCache, cache_root
from bark_core.backends.onnx.digest import graphs_key, weights_digest
from bark_core.backends.onnx.machine import choose_parallelism, dynamic_int8_bits
from bark_core.backends.onnx.precision import Precision, precision_of
from bark_core.backends.onnx.session import GraphDirectory
from bark_core.backends.registry import BackendSpec
from bark_core.checkpoints import Checkpoint, StageName
from bark_core.errors import ConfigError
from bark_core.weights import StateDict, load_stage

_log = logging.getLogger(__name__)


def create_onnx_backend(spec: BackendSpec) -> OnnxBackend:
    """Load a checkpoint into a back end; the first time, convert it.

    Raises:
        CheckpointError: The checkpoint cannot be loaded.
        ConfigError: Device or dtype is not offered, or there is no room for the conversion.
        MissingDependencyError: A pickled checkpoint needs torch, to be converted.
    """
    if spec.device not in ("auto", "cpu"):
        raise ConfigError(
            f"the onnx back end runs on the CPU, not on {spec.device!r}: use the torch back end"
        )
    precision = precision_of(spec.dtype)
    config = spec.checkpoint.config
    parallelism = choose_parallelism(spec.threads, config)
    limits = default_limits(
        spec.slots, parallelism.lanes, prefills_beside_steps=precision.int8_cache
    )
    with converted(spec.checkpoint, precision, GraphCache(cache_root())) as directory:
        return OnnxBackend(
            GraphDirectory(directory), config, precision, limits, parallelism.threads
        )


@contextmanager
def converted(checkpoint: Checkpoint, precision: Precision, cache: GraphCache) -> Iterator[Path]:
    """The directory of a checkpoint's graphs: found, or made now.

    Where it cannot be kept it is gone after the context; graphs that are open by then stay usable,
    as their files are mapped into memory.

    Raises:
        CheckpointError: The checkpoint cannot be loaded.
        ConfigError: There is no room for the conversion, not even for a while.
        MissingDependencyError: A pickled checkpoint needs torch, to be converted.
    """
    bits = dynamic_int8_bits()
    key = graphs_key(checkpoint.config, precision, bits, weights_digest(checkpoint, cache.digests))

    def build(draft: Path) -> None:
        # Only here, so that a start with converted graphs is quick.
        from bark_core.backends.onnx.convert import build_graphs  # noqa: PLC0415

        def load(stage: StageName) -> StateDict:
            return load_stage(checkpoint, stage)

        build_graphs(draft, checkpoint.config, precision, load, bits)

    found = cache.find(key)
    if found is None:
        _log.info(
            "converting %s to %s for ONNX Runtime, once: a second for a small voice, a minute for "
            "suno/bark; kept in %s",
            checkpoint.name,
            precision.name,
            cache.root,
        )
        try:
            found = cache.add(key, build)
        except CannotKeepError as error:
            _log.warning("%s. Converting for this run only", error.message)
            with _for_a_while(error) as directory:
                build(directory)
                yield directory
            return
    yield found


@contextmanager
def _for_a_while(problem: CannotKeepError) -> Iterator[Path]:
    """A temporary directory.

    Raises:
        CannotKeepError: It cannot be made or is full: the same problem again.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="barkstream-") as directory:
            yield Path(directory)
    except OSError as error:
        raise problem from error

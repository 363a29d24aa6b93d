"""The back end that runs Bark on CPUs with ONNX Runtime, quantised.

Importing this package imports neither onnxruntime nor torch; making a back end imports
onnxruntime, and onnx only if the checkpoint was never converted before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bark_core.backends.base import Backend
    from bark_core.backends.registry import BackendSpec


def create(spec: BackendSpec) -> Backend:
    """Load a checkpoint into a back end, in the thread or process that will run it.

    ``spec.dtype``: "auto" or "int8" (weights of 8 bits), "int4" (4 bits in the steps), "float32".

    Raises:
        CheckpointError: The checkpoint cannot be loaded.
        ConfigError: Device or dtype is not offered, or the conversion cannot be kept.
        MissingDependencyError: Converting needs packages that are not installed.
    """
    from bark_core.backends.onnx.creation import create_onnx_backend  # noqa: PLC0415

    return create_onnx_backend(spec)

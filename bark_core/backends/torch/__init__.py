"""The back end that runs Bark with PyTorch: CPU, CUDA, MPS.

Importing this package does not import torch; making a back end does.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bark_core.backends.base import Backend
    from bark_core.backends.registry import BackendSpec


def finds_gpu() -> bool:
    """Whether the device "auto" is a GPU. Imports torch."""
    _let_threads_sleep()
    from bark_core.backends.torch.device import place  # noqa: PLC0415

    return place("auto", "float32").device.type != "cpu"


def create_torch_backend(spec: BackendSpec) -> Backend:
    """Load a checkpoint into a back end, in the thread or process that will run it.

    Raises:
        CheckpointError: The checkpoint cannot be loaded.
        ConfigError: The device or dtype is not available on this machine.
    """
    _let_threads_sleep()
    from bark_core.backends.torch.backend import TorchBackend, default_limits  # noqa: PLC0415
    from bark_core.models.loading import as_tensors  # noqa: PLC0415
    from bark_core.weights import load_stage  # noqa: PLC0415

    checkpoint = spec.checkpoint
    return TorchBackend(
        checkpoint.config,
        lambda stage: as_tensors(load_stage(checkpoint, stage)),
        default_limits(spec.slots),
        device=spec.device,
        dtype=spec.dtype,
        threads=spec.threads,
    )


def _let_threads_sleep() -> None:
    """Before torch is imported, ask its OpenMP to sleep instead of spin between products.

    Unless ``OMP_WAIT_POLICY`` is set: a step on two threads whose neighbour took one of the cores
    was seen to take 500 ms instead of 25.
    """
    if "torch" not in sys.modules:
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

"""Which device, precision and number of threads a back end runs on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bark_core.config import BarkConfig
from bark_core.errors import ConfigError
from bark_core.models.linear import Linear

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
_ONE_THREAD_WEIGHTS = 2_000_000
"""Models of fewer weights in their blocks are done before a second thread has woken up."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a back end runs.

    Attributes:
        device: Of weights and caches.
        dtype: Of the transformers' products and caches. Residuals, norms, softmax, embeddings and
            the codec are float32 everywhere.
    """

    device: torch.device
    dtype: torch.dtype

    @property
    def description(self) -> str:
        """For people: "cpu", "cuda:0 (NVIDIA H100)"."""
        if self.device.type != "cuda":
            return str(self.device)
        return f"{self.device} ({torch.cuda.get_device_name(self.device)})"

    @property
    def dtype_name(self) -> str:
        """For people: "float32"."""
        return str(self.dtype).removeprefix("torch.")


def place(device: str, dtype: str) -> Placement:
    """Choose a device and a precision.

    Args:
        device: "auto" (CUDA, else MPS, else CPU), "cpu", "cuda", "cuda:1", "mps".
        dtype: "auto" (bfloat16 on CUDA devices that have it, else float32), "float32", "bfloat16".

    Raises:
        ConfigError: Unknown, or not available on this machine.
    """
    chosen = _find_device(device)
    if dtype == "auto":
        fast = chosen.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        return Placement(chosen, torch.bfloat16 if fast else torch.float32)
    if dtype not in _DTYPES:
        raise ConfigError(f"dtype {dtype!r} is unknown; choose one of: auto, {', '.join(_DTYPES)}")
    return Placement(chosen, _DTYPES[dtype])


def _find_device(name: str) -> torch.device:
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": _has_mps()}
    if name == "auto":
        name = next(kind for kind in ("cuda", "mps", "cpu") if available[kind])
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(
            f"device {name!r} is unknown; choose one of: auto, cpu, cuda, cuda:N, mps"
        ) from error
    if not available.get(device.type, False):
        found = ", ".join(kind for kind, there in available.items() if there)
        raise ConfigError(
            f"device {name!r} is not usable with the installed torch {torch.__version__}; "
            f"usable here: {found}"
        )
    if device.type != "cuda":
        return device
    index = torch.cuda.current_device() if device.index is None else device.index
    if index >= torch.cuda.device_count():
        raise ConfigError(
            f"device {name!r} does not exist; CUDA devices here: {torch.cuda.device_count()}"
        )
    return torch.device("cuda", index)


def _has_mps() -> bool:
    return torch.backends.mps.is_available()


def choose_threads(threads: int | None, config: BarkConfig) -> int:
    """Threads of the CPU: as asked; else one for small models and torch's own number for others."""
    if threads is not None:
        return threads
    model = config.coarse_model
    block_weights = 12 * model.n_layer * model.n_embd**2
    return 1 if block_weights < _ONE_THREAD_WEIGHTS else torch.get_num_threads()


def on_device(ids: NDArray[np.int64], placement: Placement) -> Tensor:
    """A copy of ids on the device; the array may be read-only or a view."""
    return torch.tensor(np.ascontiguousarray(ids), device=placement.device)


def move(model: nn.Module, placement: Placement) -> None:
    """Move a model to its device and its products to their precision."""
    model.to(placement.device)
    for module in model.modules():
        if isinstance(module, Linear):
            module.to(placement.dtype)

"""Which back ends there are. The only place that names concrete ones, and imports them lazily."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from bark_core.backends import gpu
from bark_core.backends.base import Backend, BackendLimits
from bark_core.backends.fake.script import FakeScript
from bark_core.checkpoints import Checkpoint
from bark_core.errors import ConfigError, MissingDependencyError

_log = logging.getLogger(__name__)

# Precisions that only one back end has.
_ONNX_DTYPES = ("int8", "int4")
_TORCH_DTYPES = ("bfloat16",)


@dataclass(frozen=True, slots=True)
class BackendSpec:
    """What to run, on what. Picklable: the process that runs the model makes the back end.

    Attributes:
        checkpoint: What to load.
        backend: "auto" (see ``choose_backend``), or a name of ``backend_names()``.
        device: "auto", "cpu", "cuda", "cuda:1", "mps".
        slots: Utterances in flight at once.
        threads: Of the CPU; None: the back end's choice.
        dtype: "auto" (onnx: int8; torch: bfloat16 on GPUs that have it, else float32), "float32"
            (the reference's arithmetic); torch: "bfloat16"; onnx: "int8", "int4".
        fake: What the fake does.
    """

    checkpoint: Checkpoint
    backend: str = "auto"
    device: str = "auto"
    slots: int = 4
    threads: int | None = None
    dtype: str = "auto"
    fake: FakeScript = field(default_factory=FakeScript)

    def __post_init__(self) -> None:
        """Check ranges; raises ConfigError."""
        if self.slots < 1:
            raise ConfigError(f"slots must be at least 1, got {self.slots}")
        if self.threads is not None and self.threads < 1:
            raise ConfigError(f"threads must be at least 1, got {self.threads}")
        if self.backend not in ("auto", *_FACTORIES):
            raise ConfigError(
                f"there is no back end {self.backend!r}; choose one of: "
                f"auto, {', '.join(backend_names())}"
            )


def backend_names() -> tuple[str, ...]:
    """Names that ``BackendSpec.backend`` may have, besides "auto"."""
    return tuple(_FACTORIES)


def create_backend(spec: BackendSpec) -> Backend:
    """Load a checkpoint into a back end, in the thread or process that will run it.

    Raises:
        CheckpointError: The checkpoint cannot be loaded.
        ConfigError: Device or dtype is not available.
        MissingDependencyError: The back end's library is not installed.
    """
    name = choose_backend(spec.device, spec.dtype) if spec.backend == "auto" else spec.backend
    return _FACTORIES[name](spec)


def choose_backend(device: str = "auto", dtype: str = "auto") -> str:
    """What "auto" means: "onnx" on CPUs, where ONNX Runtime is installed, and "torch" on GPUs.

    A dtype that only one of them has decides first.

    Args:
        device: As in ``BackendSpec``; "auto" is a GPU if torch finds one.
        dtype: As in ``BackendSpec``.
    """
    if dtype in _ONNX_DTYPES:
        return "onnx"
    if dtype in _TORCH_DTYPES:
        return "torch"
    if not _runs_on_cpu(device):
        return "torch"
    if not _installed("onnxruntime") and _installed("torch"):
        _log.info(
            "running with torch on the CPU; ONNX Runtime is two to three times as fast in 8 bits: "
            "pip install onnxruntime"
        )
        return "torch"
    return "onnx"


def _runs_on_cpu(device: str) -> bool:
    if device != "auto":
        return device == "cpu"
    if not gpu.may_be_here():
        return True
    if not _installed("torch"):
        _log.info("running on the CPU; to use a GPU install torch: pip install 'barkstream[torch]'")
        return True
    from bark_core.backends.torch import finds_gpu  # noqa: PLC0415

    return not finds_gpu()


def _installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def _create_torch(spec: BackendSpec) -> Backend:
    if not _installed("torch"):
        raise MissingDependencyError(
            "the torch back end needs torch: pip install 'barkstream[torch]' (on a machine without "
            "a GPU install the CPU build of torch first)"
        )
    from bark_core.backends.torch import create_torch_backend  # noqa: PLC0415

    return create_torch_backend(spec)


def _create_onnx(spec: BackendSpec) -> Backend:
    if not _installed("onnxruntime"):
        raise MissingDependencyError(
            "the onnx back end needs ONNX Runtime: pip install 'barkstream[server]'"
        )
    from bark_core.backends.onnx import create  # noqa: PLC0415

    return create(spec)


def _create_fake(spec: BackendSpec) -> Backend:
    from bark_core.backends.fake import FakeBackend  # noqa: PLC0415

    limits = BackendLimits(
        slots=spec.slots,
        max_step_rows=spec.slots,
        max_prefill_rows=spec.slots,
        max_fine_rows=spec.slots,
        max_codec_rows=spec.slots,
    )
    return FakeBackend(spec.checkpoint.config, limits, spec.fake)


_FACTORIES: dict[str, Callable[[BackendSpec], Backend]] = {
    "torch": _create_torch,
    "onnx": _create_onnx,
    "fake": _create_fake,
}

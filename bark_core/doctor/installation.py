"""The machine, its devices and its libraries."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import platform
from typing import Any

from bark_core.doctor.report import Device, Package

_SERVER = "pip install 'barkstream[server]'"
_TORCH = "pip install 'barkstream[torch]'"
_RUN_MODELS = ("onnxruntime", "torch")
_PLAY = "pip install 'barkstream[play]'"

# Name, purpose, how to install, whether nothing speaks without it.
_PACKAGES = (
    ("numpy", "everything", "pip install barkstream", True),
    ("onnxruntime", "running the model on CPUs", _SERVER, False),
    ("torch", "running the model on GPUs, reading pickled checkpoints", _TORCH, False),
    ("safetensors", "reading weights", _SERVER, True),
    ("tokenizers", "reading text", _SERVER, True),
    ("sentencex", "finding the ends of sentences", _SERVER, True),
    ("grpcio", "server and client", "pip install barkstream", True),
    ("protobuf", "server and client", "pip install barkstream", True),
    ("soxr", "other sample rates than the model's", _SERVER, False),
    ("av", "Ogg Opus", _SERVER, False),
    ("huggingface-hub", "fetching checkpoints", _SERVER, False),
    ("prometheus-client", "metrics", _SERVER, True),
    ("tqdm", "progress bars", _SERVER, False),
    ("sounddevice", "playing through the loudspeaker", _PLAY, False),
)


def machine() -> str:
    """System, processor and Python, in one line."""
    return f"{platform.platform()}, {platform.machine()}, Python {platform.python_version()}"


def cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def packages() -> tuple[Package, ...]:
    """The libraries that matter, installed or not."""
    return tuple(
        Package(name, _version(name), purpose, install, need, runs_models=name in _RUN_MODELS)
        for name, purpose, install, need in _PACKAGES
    )


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def devices() -> tuple[Device, ...]:
    """What a model can run on here."""
    found = [Device("cpu", f"{cores()} cores", None)]
    if importlib.util.find_spec("torch") is None:
        return tuple(found)
    # By name: this module must not make its importers depend on torch.
    torch: Any = importlib.import_module("torch")
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            properties = torch.cuda.get_device_properties(index)
            found.append(Device(f"cuda:{index}", properties.name, properties.total_memory))
    if torch.backends.mps.is_available():
        found.append(Device("mps", "Apple GPU", None))
    return tuple(found)

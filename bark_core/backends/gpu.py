"""Whether a GPU may be here, without importing torch where there is surely none.

Importing torch takes seconds and hundreds of megabytes, and a server on CPUs has no use for it.
"""

from __future__ import annotations

import ctypes
import platform
import sys
from pathlib import Path

_DEVICE_FILES = (
    "/dev/nvidiactl",  # NVIDIA's driver
    "/dev/dxg",  # a GPU of the Windows that this Linux runs in
    "/dev/kfd",  # AMD's driver, which torch calls "cuda" as well
)
_CUDA_DRIVER = "libcuda.so.1"


def may_be_here() -> bool:
    """False where torch cannot find a GPU, whatever build of it is installed."""
    if sys.platform == "darwin":
        return platform.machine() == "arm64"
    return any(Path(file).exists() for file in _DEVICE_FILES) or _is_library(_CUDA_DRIVER)


def _is_library(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True

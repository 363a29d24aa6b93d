"""What this machine's processors can do, as far as the back end depends on it."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from bark_core.config import BarkConfig

_X86 = ("x86_64", "amd64", "i386", "i686")
_EXACT_FLAGS = ("avx512_vnni", "avx_vnni", "amx_int8")
# More threads than this wait for memory and for one another.
_MAX_DEFAULT_THREADS = 8
# Models of fewer weights in their blocks are done before a second thread has woken up.
_ONE_THREAD_WEIGHTS = 2_000_000


def choose_threads(threads: int | None, config: BarkConfig) -> int:
    """As asked; else one for small models, and the CPUs this process may use for others."""
    if threads is not None:
        return threads
    model = config.coarse_model
    if 12 * model.n_layer * model.n_embd**2 < _ONE_THREAD_WEIGHTS:
        return 1
    if hasattr(os, "sched_getaffinity"):
        usable = len(os.sched_getaffinity(0))
    else:
        usable = os.cpu_count() or 1
    return min(usable, _MAX_DEFAULT_THREADS)


def dynamic_int8_bits() -> int:
    """Bits that a weight of a dynamic int8 product may have without its sums saturating: 8 or 7.

    x86 processors without VNNI add products of 8-bit numbers pairwise into 16 bits. Source:
    ONNX Runtime's documentation of quantisation, "reduce_range".
    """
    if platform.machine().lower() not in _X86:
        return 8
    return 8 if _has_any_flag(Path("/proc/cpuinfo")) else 7


def _has_any_flag(cpuinfo: Path) -> bool:
    """False where the flags cannot be read: 7 bits are always right."""
    if not cpuinfo.exists():
        return False
    with cpuinfo.open(encoding="utf-8", errors="replace") as lines:
        flags = next((line for line in lines if line.startswith("flags")), "").split()
    return any(flag in flags for flag in _EXACT_FLAGS)

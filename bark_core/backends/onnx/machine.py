"""What this machine's processors can do, as far as the back end depends on it."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

from bark_core.config import BarkConfig

_X86 = ("x86_64", "amd64", "i386", "i686")
_EXACT_FLAGS = ("avx512_vnni", "avx_vnni", "amx_int8")
# More threads than this wait for memory and for one another.
_MAX_DEFAULT_THREADS = 8
# Models of fewer weights in their blocks fit into the processor's caches, and an operator is done
# before a second thread has woken up: two batches side by side are faster than two threads in one.
# Larger ones wait for memory, which two batches would have to share.
_SMALL_WEIGHTS = 20_000_000


@dataclass(frozen=True, slots=True)
class Parallelism:
    """How processors are used.

    Attributes:
        lanes: Batches that run side by side.
        threads: For one operator of a batch.
    """

    lanes: int
    threads: int


def choose_parallelism(threads: int | None, config: BarkConfig) -> Parallelism:
    """Of as many threads as asked, or of the CPUs that this process may use.

    Models that are small run two batches side by side where there are two threads. Unless more is
    asked for, each takes one of them.
    """
    model = config.coarse_model
    small = 12 * model.n_layer * model.n_embd**2 < _SMALL_WEIGHTS
    usable = _usable_cpus() if threads is None else threads
    if small:
        lanes = min(usable, 2)
        return Parallelism(lanes, 1 if threads is None else threads // lanes)
    return Parallelism(1, min(usable, _MAX_DEFAULT_THREADS) if threads is None else threads)


def _usable_cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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

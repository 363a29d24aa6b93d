"""Signs of life of a spawned engine, through two shared numbers: no message, no lock, no thread.

The child writes by when it will look up again, and how many commands it has taken. The parent
compares that with its own clock (``time.monotonic`` is one clock for all processes of a machine).
"""

from __future__ import annotations

import math
import time
from ctypes import Array, c_double
from multiprocessing.context import SpawnContext

_DUE, _TAKEN = 0, 1

PulseMemory = Array[c_double]


def pulse_memory(context: SpawnContext) -> PulseMemory:
    """Shared memory for one child. Freed with the last reference."""
    memory: PulseMemory = context.RawArray(c_double, 2)
    memory[_DUE] = math.inf
    return memory


class PulseWriter:
    """The child's side."""

    def __init__(self, memory: PulseMemory) -> None:
        self._memory = memory

    def rest(self, wait_s: float, busy_since_s: float) -> None:
        """Nothing to do for so long (inf: until a command comes or a batch ends).

        A batch that has been under way since ``busy_since_s`` (inf: none is) is to end by now.
        """
        self._memory[_DUE] = min(time.monotonic() + wait_s, busy_since_s)

    def work(self, taken: int, busy_since_s: float) -> None:
        """So many more commands were taken; a turn begins, beside a batch or with none."""
        self._memory[_TAKEN] += taken
        self._memory[_DUE] = min(time.monotonic(), busy_since_s)


class PulseReader:
    """The parent's side. ``sent`` and the other two may be called from different threads."""

    def __init__(self, memory: PulseMemory) -> None:
        self._memory = memory
        self._sent = 0
        self._taken = 0.0
        self._untaken_since_s = 0.0

    def sent(self, now_s: float) -> bool:
        """A command goes out. -> the child had none to take before."""
        first = self._sent == self._memory[_TAKEN]
        if first:
            self._untaken_since_s = now_s
        self._sent += 1
        return first

    def is_owed(self) -> bool:
        """The child has promised to look up again, or has commands to take."""
        return not math.isinf(self._memory[_DUE]) or self._sent > self._memory[_TAKEN]

    def overdue_s(self, now_s: float) -> float:
        """For how long it should have looked up; 0 or less: all is well."""
        taken = self._memory[_TAKEN]
        if taken != self._taken:
            self._taken, self._untaken_since_s = taken, now_s
        untaken_s = now_s - self._untaken_since_s if self._sent > taken else 0.0
        return max(now_s - self._memory[_DUE], untaken_s)

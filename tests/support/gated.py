"""A fake back end that a test can stop at a place of its choosing."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence

from bark_core.backends.base import Backend, BackendInfo, BackendLimits, Batch, Output
from bark_core.backends.fake import FakeBackend
from bark_core.backends.fake.script import FakeScript
from bark_core.checkpoints import Checkpoint

RELEASE_TIMEOUT_S = 60.0


class GatedBackend:
    """Runs until a gate, then waits for the test.

    Args:
        inner: Does the work.
    """

    def __init__(self, inner: Backend) -> None:
        self._inner = inner
        self._condition = threading.Condition()
        self._allowed: dict[str, int] = {}
        self.executed: Counter[str] = Counter()
        self.waiting = threading.Event()

    @property
    def limits(self) -> BackendLimits:
        return self._inner.limits

    @property
    def info(self) -> BackendInfo:
        return self._inner.info

    def hold(self, batch: str, after: int = 0) -> None:
        """Batches of this class wait once ``after`` more of them have run."""
        with self._condition:
            self._allowed[batch] = self.executed[batch] + after
            self.waiting.clear()

    def forget(self) -> None:
        """Count from here on."""
        with self._condition:
            self.executed.clear()

    def release(self) -> None:
        """Nothing waits any more."""
        with self._condition:
            self._allowed.clear()
            self.waiting.clear()
            self._condition.notify_all()

    def execute(self, batch: Batch) -> Output:
        name = type(batch).__name__
        with self._condition:
            while self.executed[name] >= self._allowed.get(name, 1 << 62):
                self.waiting.set()
                assert self._condition.wait(RELEASE_TIMEOUT_S), "the test never released the gate"
            self.executed[name] += 1
        return self._inner.execute(batch)

    def reset(self, slots: Sequence[int]) -> None:
        self._inner.reset(slots)

    def close(self) -> None:
        self._inner.close()


def gated_fake(
    checkpoint: Checkpoint, slots: int = 4, script: FakeScript | None = None
) -> GatedBackend:
    """A fake behind a gate, open at first."""
    limits = BackendLimits(
        slots=slots,
        max_step_rows=slots,
        max_prefill_rows=slots,
        max_fine_rows=slots,
        max_codec_rows=slots,
    )
    return GatedBackend(FakeBackend(checkpoint.config, limits, script))

"""Holds whoever drives the fake to the contract of lanes."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bark_core.backends.base import Batch, FinePass

_STAGE = re.compile("^(Semantic|Coarse|Fine|Codec)")


class UnderWay:
    """Batches that run now. Bugs of the caller show here, not as wrong audio.

    Args:
        lanes: How many may run at once.
    """

    def __init__(self, lanes: int) -> None:
        self._lanes = lanes
        self._lock = threading.Lock()
        self._slots: dict[str, frozenset[int]] = {}  # by stage

    @contextmanager
    def batch(self, batch: Batch) -> Iterator[None]:
        """While a batch runs."""
        found = _STAGE.match(type(batch).__name__)
        assert found is not None
        stage = found[0]
        rows = () if isinstance(batch, FinePass) else batch.rows
        with self._lock:
            assert stage not in self._slots, f"two batches of the {stage} stage at once"
            assert len(self._slots) < self._lanes, f"more than {self._lanes} batches at once"
            self._slots[stage] = frozenset(row.slot for row in rows)
        try:
            yield
        finally:
            with self._lock:
                del self._slots[stage]

    def assert_idle(self, slots: Sequence[int]) -> None:
        """None of these slots is in a batch."""
        with self._lock:
            busy = frozenset().union(*self._slots.values()).intersection(slots)
        assert not busy, f"slots {sorted(busy)} are cleared while a batch works on them"

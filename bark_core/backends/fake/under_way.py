"""Holds whoever drives the fake to the contract of lanes."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bark_core.backends.base import BackendLimits, Batch, FinePass

_STAGE = re.compile("^(Semantic|Coarse|Fine|Codec)")


class UnderWay:
    """Batches that run now. Bugs of the caller show here, not as wrong audio.

    Args:
        limits: How many may run at once, and which.
    """

    def __init__(self, limits: BackendLimits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._slots: dict[str, frozenset[int]] = {}  # by kind of batch

    @contextmanager
    def batch(self, batch: Batch) -> Iterator[None]:
        """While a batch runs."""
        found = _STAGE.match(type(batch).__name__)
        assert found is not None
        stage, kind, most = found[0], type(batch).__name__, self._limits.lanes
        rows = () if isinstance(batch, FinePass) else batch.rows
        slots = frozenset(row.slot for row in rows)
        with self._lock:
            beside = {name: rows for name, rows in self._slots.items() if name.startswith(stage)}
            allowed = self._limits.prefills_beside_steps and kind not in beside
            assert not beside or allowed, f"two batches of the {stage} stage at once"
            shared = slots.intersection(*beside.values()) if beside else ()
            assert not shared, f"slots {sorted(shared)} are in two batches of the {stage} stage"
            assert len(self._slots) < most, f"more than {most} batches at once"
            self._slots[kind] = slots
        try:
            yield
        finally:
            with self._lock:
                del self._slots[kind]

    def assert_idle(self, slots: Sequence[int]) -> None:
        """None of these slots is in a batch."""
        with self._lock:
            busy = frozenset().union(*self._slots.values()).intersection(slots)
        assert not busy, f"slots {sorted(busy)} are cleared while a batch works on them"

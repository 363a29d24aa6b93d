"""Numbered slots of the back end: who has which, and which must be cleared."""

from __future__ import annotations


class Slots:
    """A free list. A slot given back is cleared by the back end before its next batch."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._free = list(range(count - 1, -1, -1))
        self._unclean: list[int] = []

    @property
    def free(self) -> int:
        """How many are free."""
        return len(self._free)

    def take(self) -> int:
        """A free slot (there must be one)."""
        return self._free.pop()

    def give_back(self, slot: int) -> None:
        """Free it."""
        assert slot not in self._free
        self._free.append(slot)
        self._unclean.append(slot)

    def soil(self, slot: int) -> None:
        """Its state is not to be trusted: clear it, but its owner keeps it."""
        self._unclean.append(slot)

    def take_unclean(self) -> tuple[int, ...]:
        """Slots to clear now."""
        unclean = tuple(sorted(set(self._unclean)))
        self._unclean.clear()
        return unclean

"""Numbered slots of the back end: who has which, which are in a batch, and which to clear."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable


class Slots:
    """A free list. What a batch under way works on is neither cleared nor given on.

    A slot given back is cleared by the back end before its next batch.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._free = list(range(count - 1, -1, -1))
        self._unclean: set[int] = set()
        self._rows: Counter[int] = Counter()  # under way, by slot; no zeros
        self._leaving: set[int] = set()  # given back, but there are rows

    @property
    def free(self) -> int:
        """How many can be taken now."""
        return len(self._free)

    @property
    def leaving(self) -> int:
        """How many will be free when batches have ended that are under way."""
        return len(self._leaving)

    def take(self) -> int:
        """A free slot (there must be one)."""
        return self._free.pop()

    def give_back(self, slot: int) -> None:
        """Free it, at once or when no batch works on it any more."""
        assert slot not in self._free
        assert slot not in self._leaving
        self._unclean.add(slot)
        if slot in self._rows:
            self._leaving.add(slot)
        else:
            self._free.append(slot)

    def soil(self, slot: int) -> None:
        """Its state is not to be trusted: clear it, but its owner keeps it."""
        self._unclean.add(slot)

    def is_clean(self, slot: int) -> bool:
        """Its owner may run."""
        return slot not in self._unclean

    def take_unclean(self) -> tuple[int, ...]:
        """Slots to clear now; those that a batch works on are kept for later."""
        unclean = tuple(sorted(slot for slot in self._unclean if slot not in self._rows))
        self._unclean.difference_update(unclean)
        return unclean

    def depart(self, slots: Iterable[int]) -> None:
        """A batch with rows of these slots is under way."""
        self._rows.update(slots)

    def land(self, slots: Iterable[int]) -> None:
        """It has ended."""
        for slot in slots:
            self._rows[slot] -= 1
            if self._rows[slot]:
                continue
            del self._rows[slot]
            if slot in self._leaving:
                self._leaving.remove(slot)
                self._free.append(slot)

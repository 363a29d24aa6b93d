"""A batch on its way to the back end, and whose rows it is made of."""

from __future__ import annotations

from dataclasses import dataclass

from bark_core.backends.base import Batch
from bark_core.engine.pace import Demand
from bark_core.engine.utterance import Utterance
from bark_core.engine.work import Work


@dataclass(frozen=True, slots=True)
class Rider:
    """An utterance that has a row in a batch.

    Attributes:
        utterance: Who.
        slot: Where it ran when the batch was made.
        life: Of the utterance then.
    """

    utterance: Utterance
    slot: int
    life: int

    @property
    def gone(self) -> bool:
        """It has ended or begun anew since: the row's answer means nothing any more."""
        return self.utterance.life != self.life


@dataclass(frozen=True, slots=True, eq=False)
class Assignment:
    """A batch.

    Attributes:
        work: Of this kind.
        riders: One for each row, in their order.
        batch: What the back end is given.
        fed: How many of the riders somebody waited for, and how many were made ahead.
        wanted: The same of all who wanted to be fed when it was made.
    """

    work: Work
    riders: tuple[Rider, ...]
    batch: Batch
    fed: Demand
    wanted: Demand

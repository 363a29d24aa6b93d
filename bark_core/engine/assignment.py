"""A batch on its way to the back end, and whose rows it is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bark_core.backends.base import Batch
from bark_core.engine.costs import BatchCosts
from bark_core.engine.pace import Demand
from bark_core.engine.runs import Draws, run_length
from bark_core.engine.utterance import Utterance
from bark_core.engine.work import STEPS, Work, batch_of


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
    """A batch, and the steps that follow it at once.

    Attributes:
        work: Of this kind.
        riders: One for each row, in their order.
        batch: What the back end is given.
        fed: How many of the riders somebody waited for, and how many were made ahead.
        wanted: The same of all who wanted to be fed when it was made.
        later: How the steps after the first draw, a draw for each row.
    """

    work: Work
    riders: tuple[Rider, ...]
    batch: Batch
    fed: Demand
    wanted: Demand
    later: tuple[Draws, ...] = ()

    @property
    def steps(self) -> int:
        """Batches that it has at most; less where an utterance ends."""
        return 1 + len(self.later)


def assign(
    work: Work, utterances: Sequence[Utterance], wanted: Demand, costs: BatchCosts
) -> Assignment:
    """A batch of these utterances, each with a slot and a pipeline that is ready for it.

    Args:
        work: What they do.
        utterances: Who.
        wanted: See ``Assignment``.
        costs: What batches take in the back end.
    """
    rows, riders, pipelines = [], [], []
    for utterance in utterances:
        assert utterance.pipeline is not None
        assert utterance.slot is not None
        pipelines.append(utterance.pipeline)
        rows.append(utterance.pipeline.row(work, utterance.slot))
        riders.append(Rider(utterance, utterance.slot, utterance.life))
    later: tuple[Draws, ...] = ()
    if work in STEPS:
        step_s = costs.batch_s(work, len(rows))
        steps = run_length(step_s, [pipeline.steps_ahead(work) for pipeline in pipelines])
        later = tuple(zip(*(p.later_draws(work, steps) for p in pipelines), strict=True))
    ahead = sum(not utterance.is_head for utterance in utterances)
    fed = Demand(len(riders) - ahead, ahead)
    return Assignment(work, tuple(riders), batch_of(work, rows), fed, wanted, later)

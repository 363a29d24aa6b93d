"""When the listener of a stream should start: what was measured, put together."""

from __future__ import annotations

from dataclasses import replace

from bark_core.config import BarkConfig
from bark_core.engine.assignment import Assignment
from bark_core.engine.costs import MeasuredCosts
from bark_core.engine.length import LengthMeter
from bark_core.engine.machine_time import Spent
from bark_core.engine.pace import PaceMeter, positions
from bark_core.engine.pipeline.forecast import Standing, expected_chunks
from bark_core.engine.start_hint import ExpectedChunk, StartHint, Tail, start_hint
from bark_core.engine.utterance import Utterance
from bark_core.engine.work import EVEN, Work

MARGIN = 1.2
"""Of the expected times: what was measured is a mean, and machines have other things to do. With it
nine of ten chunks come no later than expected (the embedded voice on two cores, one to three
listeners)."""

SAMPLE_S = 8.0
"""Length of the utterance after which text that is not cut yet is taken to be made."""


class Hinting:
    """Watches batches and utterances, and answers with start hints.

    Batches of who is alone are taken to come one after another and to last as long as they lately
    did: what it gains where they run side by side is little for the chunks that come next, whose
    stages wait for each other. Who is not alone waits for the others' share of the machine as well,
    and now for the longest batch: one that has begun is not interrupted.

    Args:
        config: The checkpoint's.
        lengths: How long utterances are; it learns here.
        costs: What batches cost by their number of rows.
    """

    def __init__(self, config: BarkConfig, lengths: LengthMeter, costs: MeasuredCosts) -> None:
        self._config = config
        self._pace = PaceMeter()
        self._lengths = lengths
        self._costs = costs

    def batch_ran(self, batch: Assignment, spent: Spent) -> None:
        """A batch has ended."""
        size = positions(batch.batch)
        self._pace.add(batch.work, size, spent.busy_s, rows=batch.fed, wanted=batch.wanted)

    def utterance_made(self, utterance: Utterance) -> None:
        """An utterance is complete."""
        assert utterance.pipeline is not None
        self._lengths.add(utterance.request, utterance.pipeline.progress().semantic_tokens)

    def hint(self, utterance: Utterance, held_s: float, fed: int) -> StartHint:
        """What the listener of a stream should wait for.

        Args:
            utterance: The one that is heard next; it has a pipeline.
            held_s: Audio that the listener holds.
            fed: Utterances that want to be fed, this one among them.
        """
        left_over = self._pace.left_over
        waits_s = {work: MARGIN * self._costs.waits_s(work, fed) for work in Work}
        lasts_s = {work: self._costs.alone_s({work: 1}, fed) for work in Work}
        block_s = max(lasts_s.values()) if fed > 1 else 0.0

        def cost(work: Work, size: int) -> float:
            if work in EVEN or lasts_s[work] <= 0:
                return waits_s[work]
            return waits_s[work] * self._pace.batch_s(work, size) / lasts_s[work]

        def later_cost(work: Work, size: int) -> float:
            return cost(work, size) * (1.0 if work is Work.CODEC else left_over)

        assert utterance.pipeline is not None
        plans = utterance.pipeline.plans
        chunks: list[ExpectedChunk] = []
        for one in utterance.stream.utterances:
            standing = Standing() if one.pipeline is None else one.pipeline.standing()
            tokens = standing.semantic_tokens
            if not standing.semantic_done:
                tokens = self._lengths.tokens(one.request, tokens)
            own = cost if one is utterance else later_cost
            chunks += expected_chunks(self._config, plans, standing, tokens, own)
        following_s = self._lengths.speech_s(utterance.stream.utterances[-1].request.following_s)
        tail = Tail()
        if following_s > 0:
            tokens = round(min(following_s, SAMPLE_S) * self._config.semantic.rate_hz)
            sample = list(expected_chunks(self._config, plans, Standing(), tokens, later_cost))
            tail = Tail.like(sample, following_s)
        if chunks:
            chunks[0] = replace(chunks[0], work_s=chunks[0].work_s + block_s)
        return start_hint(held_s, chunks, tail, max_lead_s=utterance.request.pacing.max_lead_s)

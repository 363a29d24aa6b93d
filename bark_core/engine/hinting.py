"""When the listener of a stream should start: what was measured, put together."""

from __future__ import annotations

from dataclasses import replace

from bark_core.config import BarkConfig
from bark_core.engine.assignment import Assignment
from bark_core.engine.company import Company
from bark_core.engine.costs import MeasuredCosts
from bark_core.engine.length import LengthMeter
from bark_core.engine.machine_time import Spent
from bark_core.engine.pace import PaceMeter, positions
from bark_core.engine.pipeline.forecast import Standing, expected_chunks
from bark_core.engine.start_hint import ExpectedChunk, StartHint, Tail, start_hint
from bark_core.engine.utterance import Utterance
from bark_core.engine.work import EVEN, STEPS, Work

MARGIN = 1.2
"""Of the expected times: what was measured is a mean, and machines have other things to do. With it
nine of ten chunks come no later than expected (the embedded voice on two cores, one to three
listeners)."""

INTRUDED = 2.0
"""Once more, for a chunk that is made before those of others: newcomers may yet go first."""

SAMPLE_S = 8.0
"""Length of the utterance after which text that is not cut yet is taken to be made."""


class Hinting:
    """Watches batches and utterances, and answers with start hints.

    Batches of who is alone are taken to come one after another and to last as long as they lately
    did: what it gains where they run side by side is little for the chunks that come next, whose
    stages wait for each other. Who is not alone waits for the share of those who run dry sooner as
    well, and for the longest batch of the others: one that has begun is not interrupted.

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

    def hint(
        self, utterance: Utterance, held_s: float, now_s: float, company: Company
    ) -> StartHint:
        """What the listener of a stream should wait for.

        Args:
            utterance: The one that is heard next; it has a pipeline.
            held_s: Audio that the listener holds.
            now_s: The moment.
            company: Who wants to be fed, this one among them.
        """
        fed = company.fed
        block_s = max(self._costs.alone_s({work: 1}, fed) for work in Work) if fed > 1 else 0.0
        alone, shared = self._chunks(utterance, 1), self._chunks(utterance, fed)
        chunks: list[ExpectedChunk] = []
        due_s = now_s + held_s
        for own, together in zip(alone, shared, strict=True):
            # Of the others, those are served first who have enough for less long.
            part = (company.due_by(due_s) - 1) / (fed - 1) if fed > 1 else 1.0
            first_s = min(INTRUDED * own.work_s + block_s, together.work_s)
            chunks.append(replace(own, work_s=part * together.work_s + (1 - part) * first_s))
            due_s += own.audio_s
        if chunks:
            chunks[0] = replace(chunks[0], work_s=chunks[0].work_s + block_s)
        following_s = self._lengths.speech_s(utterance.stream.utterances[-1].request.following_s)
        tail = Tail()
        if following_s > 0:
            tokens = round(min(following_s, SAMPLE_S) * self._config.semantic.rate_hz)
            sample = self._forecast(utterance, Standing(), tokens, fed, left=self._pace.left_over)
            tail = Tail.like(sample, following_s)
        return start_hint(held_s, chunks, tail, max_lead_s=utterance.request.pacing.max_lead_s)

    def _chunks(self, utterance: Utterance, fed: int) -> list[ExpectedChunk]:
        """All that is to come of the stream, if so many are served in turn."""
        chunks: list[ExpectedChunk] = []
        for one in utterance.stream.utterances:
            standing = Standing() if one.pipeline is None else one.pipeline.standing()
            tokens = standing.semantic_tokens
            if not standing.semantic_done:
                tokens = self._lengths.tokens(one.request, tokens)
            left = 1.0 if one is utterance else self._pace.left_over
            chunks += self._forecast(utterance, standing, tokens, fed, left=left)
        return chunks

    def _forecast(
        self, utterance: Utterance, standing: Standing, tokens: int, fed: int, *, left: float
    ) -> list[ExpectedChunk]:
        """The chunks of one utterance; ``left``: of its work, what is not done in passing."""

        def cost(work: Work, size: int) -> float:
            waits_s = MARGIN * self._waits_s(work, fed)
            if work is not Work.CODEC:
                waits_s *= left
            lasts_s = self._costs.alone_s({work: 1}, fed)
            if work in EVEN or lasts_s <= 0:
                return waits_s
            return waits_s * self._pace.batch_s(work, size) / lasts_s

        assert utterance.pipeline is not None
        plans = utterance.pipeline.plans
        return list(expected_chunks(self._config, plans, standing, tokens, cost))

    def _waits_s(self, work: Work, fed: int) -> float:
        """How long a listener waits for a batch; what is made ahead makes it longer."""
        waits_s = self._costs.waits_s(work, fed)
        if work not in STEPS:
            return waits_s
        rows = self._costs.sharing.rows(work, fed) + self._pace.riders
        return max(waits_s, self._costs.durations.batch_s(work, rows))

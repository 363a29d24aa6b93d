"""Whose turn it is: the one scheduling policy, as a pure function."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bark_core.backends.base import BackendLimits
from bark_core.engine.costs import MeasuredCosts
from bark_core.engine.degradation import AMPLE_S, measures
from bark_core.engine.meter import LoadMeter
from bark_core.engine.utterance import Utterance
from bark_core.engine.work import Work, widest

_PREFILL_OF = {
    Work.SEMANTIC_STEP: Work.SEMANTIC_PREFILL,
    Work.COARSE_STEP: Work.COARSE_PREFILL,
}

SAFETY = 2.0
"""Where narrow batches cost nobody anything, a listener's are kept so narrow that it is in time
even if they take longer by so many times."""

WORTHWHILE = 0.25
"""Of what a row costs alone, the part that it has to save for it to go along with who is late."""

_ROUNDING_S = 1e-6
"""Moments are sums of floats: without this a stream could wake a hair too early, for ever."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An utterance that could run something now.

    Attributes:
        utterance: Who.
        works: What it could run, most urgent first; not empty.
        deadline_s: When its listener misses it.
        prefetch: An earlier utterance of its stream is still being made.
        heard: Its listener has audio in hand and is not to run dry.
        urgent: The first of ``works`` is what its next audio waits for. Otherwise that has a row
            under way, or waits for its stage: something may be made beside it.
    """

    utterance: Utterance
    works: tuple[Work, ...]
    deadline_s: float
    prefetch: bool
    heard: bool = False
    urgent: bool = True


@dataclass(frozen=True, slots=True)
class Choice:
    """The next batch: one kind of work, and who takes part."""

    work: Work
    utterances: tuple[Utterance, ...]


def deadline_s(utterance: Utterance, now_s: float) -> float:
    """The moment at which the utterance's listener misses it.

    If the stream's listener has had something to hear since the utterance arrived: the moment of
    running dry, past or to come. Otherwise (a first utterance, or one after a pause): arrival plus
    the first-audio target.
    """
    head = utterance.stream.head or utterance
    dry_at_s = utterance.stream.clock.dry_at_s(now_s)
    if dry_at_s > head.arrival_s:
        return dry_at_s
    return head.arrival_s + head.request.pacing.first_audio_target_s


def is_heard(utterance: Utterance, now_s: float) -> bool:
    """Whether a listener has audio of its stream in hand now."""
    return utterance.is_head and utterance.stream.clock.dry_at_s(now_s) > now_s


def waits_for_first_audio(utterance: Utterance, now_s: float) -> bool:
    """Whether a listener hears nothing because this utterance has not been heard yet."""
    if not utterance.is_head or utterance.first_audio_s is not None:
        return False
    return not (utterance.request.semantic_only or is_heard(utterance, now_s))


def resumes_at_s(utterance: Utterance, now_s: float) -> float:
    """When the utterance may run again: now, or when its stream's lead has shrunk enough."""
    max_lead_s = utterance.request.pacing.max_lead_s
    clock = utterance.stream.clock
    if max_lead_s is None or clock.lead_s(now_s) <= max_lead_s + _ROUNDING_S:
        return now_s
    return clock.falls_to_s(max_lead_s, now_s)


def may_begin_early(utterance: Utterance, meter: LoadMeter) -> bool:
    """Whether an utterance that may not be heard yet takes a free slot: the one after the head.

    On a slow machine further ones as well: the more of them go together, the fewer times are the
    weights read.

    Args:
        utterance: Any that is live.
        meter: What was measured.
    """
    stream = utterance.stream
    if utterance.slot is not None or utterance.request.carry_on or not stream.has_place:
        return False
    return meter.is_slow or utterance in stream.utterances[:2]


def spare_s(candidate: Candidate, meter: LoadMeter, now_s: float) -> float:
    """Time that could be given to others without missing the deadline; negative: it is late."""
    pipeline = candidate.utterance.pipeline
    assert pipeline is not None
    return candidate.deadline_s - now_s - meter.total_s(pipeline.until_audio())


def choose(
    candidates: Sequence[Candidate],
    limits: BackendLimits,
    meter: LoadMeter,
    now_s: float,
    costs: MeasuredCosts | None = None,
) -> Choice | None:
    """Pick the next batch: earliest playback deadline first.

    1. The leader is the candidate with the earliest deadline; one that somebody waits for always
       comes before one made ahead (prefetch), and one whose most urgent work can run before one
       that could only make something beside that. A first audio gives way where a listener would
       run dry otherwise. The batch does the leader's most urgent work.
    2. Everybody else who could do the same work rides along in the order of deadlines, up to the
       back end's width: weights are read once for all. Not so many that the leader, who would be
       in time alone, is late for their sake; with a first audio only as many as it is worth.
    3. Where the leader is about to step and others who may ride only lack a prefill for it, they
       are prefilled first, unless that would make a leader late whose moment has not passed, or
       another lane can do it meanwhile.
    4. Prefetched utterances ride only while the leader has time to spare, and so do those whose
       listeners have ample audio in hand (see ``degradation``). On a slow machine that works for
       one stream only they do once that has been heard, if rows are cheap.
    5. An utterance whose batch has failed runs alone until it is cleared (see ``recovery``).

    Streams that are far enough ahead of their listeners are no candidates at all, nor is work of
    stages that have a batch under way, nor, while somebody waits for a first audio, what those who
    hear nothing yet could make beside their most urgent work: it would make that slower.
    """
    if not candidates:
        return None
    line = sorted(
        candidates, key=lambda c: (c.prefetch, not c.urgent, c.deadline_s, c.utterance.arrival_s)
    )
    leader = _endangered(line, meter, now_s) or line[0]
    work = leader.works[0]
    if leader.utterance.alone_at(work):
        return Choice(work, (leader.utterance,))
    spare = spare_s(leader, meter, now_s)
    allowed = measures(math.inf if leader.prefetch else spare)
    widen = costs is not None and _gains_by_width(line, work, meter, costs)
    ahead = allowed.prefetch or widen
    # A work and its opening are of one stage, so who is alone at one of them is at both.
    line = [c for c in line if not c.utterance.alone_at(work) and (ahead or not c.prefetch)]
    if not allowed.extend_leads:
        line = [c for c in line if not c.heard or spare_s(c, meter, now_s) < AMPLE_S]
    riders = [c.utterance for c in line if work in c.works]
    opening = None if _prefills_beside(limits) else _PREFILL_OF.get(work)
    joiners = [c.utterance for c in line if opening in c.works]
    width = widest(work, limits)
    if costs is not None and not widen:
        width = min(width, _bearable(leader, work, len(riders) + len(joiners), costs, now_s))
    if opening is not None and joiners and len(riders) < width:
        has_run_dry = leader.deadline_s <= now_s
        if has_run_dry or widen or spare >= meter.batch_s(opening):
            return Choice(opening, tuple(joiners[: widest(opening, limits)]))
    return Choice(work, tuple(riders[:width]))


def _gains_by_width(
    line: Sequence[Candidate], work: Work, meter: LoadMeter, costs: MeasuredCosts
) -> bool:
    """Whether a slow machine works for one stream only, which has been heard, and rows are cheap.

    Its listener has to wait now or later; the wider the batches, the shorter all in all.
    """
    stream = line[0].utterance.stream
    alone = all(candidate.utterance.stream is stream for candidate in line)
    if not (alone and stream.clock.delivered_s > 0 and meter.is_slow):
        return False
    return costs.bare.saving(work, len(line)) > WORTHWHILE


def _prefills_beside(limits: BackendLimits) -> bool:
    return limits.lanes > 1 and limits.prefills_beside_steps


def _bearable(
    leader: Candidate, work: Work, riders: int, costs: MeasuredCosts, now_s: float
) -> int:
    """Rows that its batches may have for the leader's sake.

    Who waits for a first audio shares a batch with as large a part of the others as their riding
    saves of what they would cost alone: all of them where weights are read once for all, nobody
    where every row costs the same. A listener that would be late otherwise does so as well.
    """
    if leader.prefetch:
        return riders
    saving = costs.bare.saving(work, riders)
    least = 1 + round(saving * (riders - 1))
    if not leader.heard:
        return least
    assert leader.utterance.pipeline is not None
    needed = leader.utterance.pipeline.until_audio()
    left_s = leader.deadline_s - now_s

    def late(rows: int) -> bool:
        work_s = sum(count * costs.durations.batch_s(work, rows) for work, count in needed.items())
        return work_s * (1 + SAFETY * (1 - saving) ** 2) > left_s

    if not late(riders):
        return riders
    return max([least, *(rows for rows in range(1, riders) if not late(rows))])


def _endangered(line: Sequence[Candidate], meter: LoadMeter, now_s: float) -> Candidate | None:
    """The first listener, if a batch for a first audio would let one of them run dry."""
    first = line[0]
    if first.heard or first.prefetch:
        return None
    batch_s, work_s = meter.batch_s(first.works[0]), 0.0
    listeners = [candidate for candidate in line if candidate.heard]
    for listener in listeners:
        assert listener.utterance.pipeline is not None
        work_s += meter.total_s(listener.utterance.pipeline.until_audio())
        if listener.deadline_s - now_s - work_s < batch_s:
            return listeners[0]
    return None


def soonest(moments_s: Sequence[float]) -> float | None:
    """The earliest of these moments; None where there is none to wait for."""
    earliest = min(moments_s, default=math.inf)
    return None if math.isinf(earliest) else earliest

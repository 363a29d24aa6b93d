"""Whose turn it is: the one scheduling policy, as a pure function."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bark_core.backends.base import BackendLimits
from bark_core.engine.meter import LoadMeter
from bark_core.engine.utterance import Utterance
from bark_core.engine.work import Work, widest

PREFETCH_SLACK_S = 0.25
"""Work for an utterance that nobody waits for yet joins a batch only if whoever is first in line
has at least so much time to spare."""


_PREFILL_OF = {
    Work.SEMANTIC_STEP: Work.SEMANTIC_PREFILL,
    Work.COARSE_STEP: Work.COARSE_PREFILL,
}

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
    """

    utterance: Utterance
    works: tuple[Work, ...]
    deadline_s: float
    prefetch: bool


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


def resumes_at_s(utterance: Utterance, now_s: float) -> float:
    """When the utterance may run again: now, or when its stream's lead has shrunk enough."""
    max_lead_s = utterance.request.pacing.max_lead_s
    clock = utterance.stream.clock
    if max_lead_s is None or clock.lead_s(now_s) <= max_lead_s + _ROUNDING_S:
        return now_s
    return clock.falls_to_s(max_lead_s, now_s)


def spare_s(candidate: Candidate, meter: LoadMeter, now_s: float) -> float:
    """Time that could be given to others without missing the deadline; negative: it is late."""
    pipeline = candidate.utterance.pipeline
    assert pipeline is not None
    return candidate.deadline_s - now_s - meter.total_s(pipeline.until_audio())


def choose(
    candidates: Sequence[Candidate], limits: BackendLimits, meter: LoadMeter, now_s: float
) -> Choice | None:
    """Pick the next batch: earliest playback deadline first.

    1. The leader is the candidate with the earliest deadline; one that somebody waits for always
       comes before one made ahead (prefetch). The batch does the leader's most urgent work.
    2. Everybody else who could do the same work rides along in the order of deadlines, up to the
       back end's width: weights are read once for all.
    3. Where the leader is about to step and others only lack a prefill to step with it, they are
       prefilled first, unless that would make a leader late who is in time.
    4. Prefetched utterances ride only while the leader has time to spare.
    5. An utterance whose batch has failed runs alone until it is cleared (see ``recovery``).

    Streams that are far enough ahead of their listeners are no candidates at all.
    """
    if not candidates:
        return None
    line = sorted(candidates, key=lambda c: (c.prefetch, c.deadline_s, c.utterance.arrival_s))
    leader = line[0]
    work = leader.works[0]
    if leader.utterance.alone:
        return Choice(work, (leader.utterance,))
    spare = spare_s(leader, meter, now_s)
    relaxed = leader.prefetch or spare >= PREFETCH_SLACK_S
    line = [c for c in line if not c.utterance.alone and (relaxed or not c.prefetch)]
    riders = [c.utterance for c in line if work in c.works]
    opening = _PREFILL_OF.get(work)
    if opening is not None and len(riders) < widest(work, limits):
        joiners = [c.utterance for c in line if opening in c.works]
        if joiners and not 0 <= spare < meter.batch_s(opening):
            return Choice(opening, tuple(joiners[: widest(opening, limits)]))
    return Choice(work, tuple(riders[: widest(work, limits)]))


def soonest(moments_s: Sequence[float]) -> float | None:
    """The earliest of these moments; None where there is none to wait for."""
    earliest = min(moments_s, default=math.inf)
    return None if math.isinf(earliest) else earliest

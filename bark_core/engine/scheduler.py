"""Which batch runs next, and what its answers mean. Plain Python, no torch, no threads, no clock.

Every method that depends on time is given the moment, so each branch is a test of milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bark_core.backends.base import BackendLimits, Batch, FloatArray, Output
from bark_core.config import BarkConfig
from bark_core.engine import policy
from bark_core.engine.costs import MeasuredCosts
from bark_core.engine.events import (
    AudioReady,
    Event,
    UtteranceAborted,
    UtteranceFailed,
    UtteranceFinished,
    UtteranceProgress,
    UtteranceStarted,
)
from bark_core.engine.hinting import Hinting
from bark_core.engine.interface import EngineLimits
from bark_core.engine.length import LengthMeter
from bark_core.engine.line import line_of, waited_in_vain, waits_until_s
from bark_core.engine.meter import LoadMeter
from bark_core.engine.outlook import Outlook
from bark_core.engine.pace import Demand
from bark_core.engine.pipeline import Pipeline
from bark_core.engine.places import Places
from bark_core.engine.policy import Candidate
from bark_core.engine.request import UtteranceRequest
from bark_core.engine.slots import Slots
from bark_core.engine.start_hint import StartHint
from bark_core.engine.stream import Streams
from bark_core.engine.tally import TallyKeeper
from bark_core.engine.utterance import Utterance
from bark_core.engine.work import Work, answers_of, batch_of
from bark_core.errors import BarkstreamError, DeadlineError
from bark_core.voices import Voice


@dataclass(frozen=True, slots=True)
class Assignment:
    """A batch, and whose rows it is made of; ``fed``: listeners who wanted to be fed."""

    work: Work
    utterances: tuple[Utterance, ...]
    batch: Batch
    fed: int


class Scheduler:
    """All live utterances.

    Args:
        config: The checkpoint's.
        limits: Of the back end.
        bounds: Of the engine; None: the usual ones.
        costs: What batches cost, as far as it is known already.
    """

    def __init__(
        self,
        config: BarkConfig,
        limits: BackendLimits,
        bounds: EngineLimits | None = None,
        costs: MeasuredCosts | None = None,
    ) -> None:
        self._config = config
        self._limits = limits
        self._bounds = bounds or EngineLimits()
        self._streams = Streams()
        self._live: dict[str, Utterance] = {}  # in the order of submission
        self._running: list[Utterance] = []
        self._events: list[Event] = []
        self.slots = Slots(limits.slots)
        self.meter = LoadMeter()
        self.tally = TallyKeeper()
        lengths = LengthMeter(config)
        self._hinting = Hinting(config, lengths)
        self._wanted = Demand()
        self.costs = costs or MeasuredCosts(limits)
        self._places = Places(config, limits, self._bounds, self.costs, lengths)

    @property
    def running(self) -> int:
        """Utterances that hold a slot."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """Utterances without one."""
        return len(self._live) - len(self._running)

    def least_lead_s(self, now_s: float) -> float | None:
        """Audio left to the listener who runs dry first; None: nobody has heard any yet."""
        leads = [
            u.stream.clock.lead_s(now_s)
            for u in self._running
            if u.is_head and u.stream.clock.delivered_s
        ]
        return min(leads, default=None)

    def add(self, request: UtteranceRequest, arrival_s: float) -> None:
        """Queue an utterance."""
        self._places.submitted()
        stream = self._streams.join(request.stream_id)
        utterance = Utterance(request, stream, arrival_s)
        stream.utterances.append(utterance)
        self._live[request.utterance_id] = utterance

    def abort(self, utterance_ids: Iterable[str], now_s: float) -> None:
        """End utterances before the next batch; unknown ids are ignored."""
        for utterance_id in utterance_ids:
            utterance = self._live.get(utterance_id)
            if utterance is not None:
                report = utterance.report(now_s)
                self._end(utterance, UtteranceAborted(utterance_id, report), now_s)

    def report_playback(self, stream_id: str, heard_s: float, now_s: float) -> None:
        """A listener tells where it is; unknown streams are ignored."""
        stream = self._streams.find(stream_id)
        if stream is not None:
            stream.clock.report(heard_s, now_s)

    def advance(self, now_s: float) -> None:
        """Fail what is too late and give slots to those in line."""
        for utterance in list(self._live.values()):
            deadline_s = utterance.request.deadline_s
            if deadline_s is not None and deadline_s <= now_s:
                self.fail(
                    utterance,
                    DeadlineError("the deadline passed before the utterance was complete"),
                    now_s,
                )
        self._seat(now_s)
        for utterance in self._newcomers():
            if now_s >= waits_until_s(utterance, self._bounds):
                self.fail(utterance, waited_in_vain(self._bounds), now_s)
        # An utterance made ahead may have been complete before its turn in the stream came, and
        # some have nothing to make. Their slots are given on at once: no batch may follow.
        while any(self._finish_if_done(utterance, now_s) for utterance in self._running):
            self._seat(now_s)
        placed = self._streams.placed()
        self._events += self._places.positions(placed, self._newcomers(), now_s)

    def next(self, now_s: float) -> Assignment | None:
        """The next batch, or None: nothing can run before ``wake_at_s``."""
        candidates = [
            Candidate(
                u,
                works,
                policy.deadline_s(u, now_s),
                prefetch=not u.is_head,
                heard=policy.is_heard(u, now_s),
            )
            for u in self._running
            if policy.resumes_at_s(u, now_s) <= now_s and (works := self._works(u))
        ]
        ahead = sum(candidate.prefetch for candidate in candidates)
        self._wanted = Demand(len(candidates) - ahead, ahead)
        choice = policy.choose(candidates, self._limits, self.meter, now_s, self.costs.batches)
        if choice is None:
            return None
        rows = []
        for utterance in choice.utterances:
            assert utterance.pipeline is not None
            assert utterance.slot is not None
            rows.append(utterance.pipeline.row(choice.work, utterance.slot))
        batch = batch_of(choice.work, rows)
        return Assignment(choice.work, choice.utterances, batch, self._wanted.fed)

    def wake_at_s(self, now_s: float) -> float | None:
        """When something could run again if nothing is heard until then; None: never."""
        deadlines = [u.request.deadline_s for u in self._live.values()]
        moments = [deadline for deadline in deadlines if deadline is not None]
        moments += [policy.resumes_at_s(u, now_s) for u in self._running if self._works(u)]
        line = line_of(self._live.values()) if self.waiting else []
        moments += [waits_until_s(u, self._bounds) for u in line]
        if line and self._running and self._places.ask_again_s > now_s:
            moments.append(self._places.ask_again_s)
        return policy.soonest(moments)

    def commit(
        self, assignment: Assignment, output: Output, *, started_s: float, now_s: float
    ) -> None:
        """Give the answers to their utterances."""
        answers = answers_of(output)
        assert len(answers) == len(assignment.utterances), "the back end lost rows"
        busy_s = now_s - started_s
        ahead = sum(not utterance.is_head for utterance in assignment.utterances)
        self._hinting.batch_ran(
            assignment.work,
            assignment.batch,
            busy_s,
            rows=Demand(len(assignment.utterances) - ahead, ahead),
            wanted=self._wanted,
        )
        audio_s = 0.0
        for utterance, answer in zip(assignment.utterances, answers, strict=True):
            assert utterance.pipeline is not None
            utterance.worked(assignment.work, started_s, now_s)
            utterance.answers += 1
            try:
                pcm = utterance.pipeline.accept(assignment.work, answer)
            except BarkstreamError as error:
                self.fail(utterance, error, now_s)
                continue
            if pcm is not None:
                audio_s += pcm.size / self._config.sample_rate_hz
                self._deliver(utterance, pcm, now_s)
            if not self._finish_if_done(utterance, now_s):
                self._tell(utterance, now_s)
        self.meter.add(assignment.work, busy_s, audio_s)
        self.tally.batch(assignment.work, len(answers), busy_s)

    def fail(self, utterance: Utterance, error: BarkstreamError, now_s: float) -> None:
        """End one utterance with an error."""
        report = utterance.report(now_s)
        self._end(utterance, UtteranceFailed(utterance.utterance_id, error, report), now_s)

    def rebuild(self, utterance: Utterance) -> None:
        """Start a running utterance anew in its slot; what was delivered is not sent again."""
        assert utterance.slot is not None
        self.slots.soil(utterance.slot)
        utterance.restart()
        utterance.pipeline = self._pipeline(utterance)

    def take_events(self) -> list[Event]:
        """What has happened since the last call."""
        events, self._events = self._events, []
        return events

    def outlook(self, now_s: float) -> Outlook | None:
        """What newcomers have to expect; None: much as was told last, or places are not counted."""
        return self._places.news(self._streams.placed(), self._newcomers(), now_s)

    def _newcomers(self) -> list[Utterance]:
        """Those who wait for a place, in order."""
        if not self.waiting:
            return []
        return [u for u in line_of(self._live.values()) if not u.stream.has_place]

    def _works(self, utterance: Utterance) -> tuple[Work, ...]:
        """What an utterance could run. Only the head of a stream is decoded to audio."""
        assert utterance.pipeline is not None
        works = utterance.pipeline.ready()
        return works if utterance.is_head else tuple(w for w in works if w is not Work.CODEC)

    def _seat(self, now_s: float) -> None:
        """Slots go to those in line while there are places, then to those after them.

        An utterance that nobody waits for yet gives its slot up to one that somebody waits for:
        it is made again later, the same.
        """
        if not self.waiting:
            return
        for head in line_of(self._live.values()):
            placed = self._streams.placed()
            if not (head.stream.has_place or self._places.may_begin(head, placed, now_s)):
                break  # nobody overtakes
            if not self.slots.free and not self._evict():
                return
            if not head.stream.has_place:
                head.stream.has_place = True
                self._places.began(head, now_s)
            self._start(head, now_s)
        for one in list(self._live.values()):
            if not self.slots.free:
                return
            if one.slot is None and one.stream.has_place and not one.request.carry_on:
                self._start(one, now_s)

    def _evict(self) -> bool:
        """Take the slot of the youngest prefetched utterance. -> there was one."""
        prefetched = [u for u in self._running if not u.is_head]
        if not prefetched:
            return False
        youngest = max(prefetched, key=lambda u: u.arrival_s)
        assert youngest.slot is not None
        self._running.remove(youngest)
        self.slots.give_back(youngest.slot)
        youngest.slot = None
        youngest.restart()
        return True

    def _start(self, utterance: Utterance, now_s: float) -> None:
        """Give a free slot."""
        try:
            utterance.pipeline = self._pipeline(utterance)
        except BarkstreamError as error:
            self.fail(utterance, error, now_s)
            return
        utterance.slot = self.slots.take()
        self._running.append(utterance)
        self._places.changed()
        if utterance.started_s is None:
            utterance.started_s = now_s
            self.tally.wait(now_s - utterance.arrival_s)
            self._events.append(UtteranceStarted(utterance.utterance_id))

    def _pipeline(self, utterance: Utterance) -> Pipeline:
        request = utterance.request
        voice: Voice | None = request.voice
        if request.carry_on and utterance.stream.carried is not None:
            voice = utterance.stream.carried
        return Pipeline(self._config, request, voice)

    def _deliver(self, utterance: Utterance, pcm: FloatArray, now_s: float) -> None:
        """Send samples, but not those that were sent before a restart."""
        start = utterance.made_samples
        utterance.made_samples += pcm.size
        fresh = pcm[max(0, utterance.delivered_samples - start) :]
        if not fresh.size:
            return
        clock = utterance.stream.clock
        lead_s = clock.lead_s(now_s)
        silent = clock.waiting or lead_s == 0.0
        if utterance.delivered_samples:
            self.tally.lead(lead_s)
            utterance.underruns += lead_s == 0.0
        honours = utterance.request.pacing.honours_start_hint
        clock.deliver(fresh.size / self._config.sample_rate_hz, now_s, honours_hints=honours)
        self._events.append(
            AudioReady(
                utterance_id=utterance.utterance_id,
                pcm=fresh.copy(),
                start_sample=utterance.delivered_samples,
                start_hint=self._hint(utterance, now_s) if silent else None,
            )
        )
        utterance.delivered_samples += fresh.size
        if utterance.first_audio_s is None:
            utterance.first_audio_s = now_s

    def _hint(self, utterance: Utterance, now_s: float) -> StartHint:
        """What the utterance's listener, who is silent, should wait for; the clock is told."""
        clock = utterance.stream.clock
        hint = self._hinting.hint(utterance, clock.lead_s(now_s), self._wanted.fed)
        clock.hint(hint.buffer_s, now_s)
        return hint

    def _tell(self, utterance: Utterance, now_s: float) -> None:
        """Progress, rate-limited."""
        if now_s - utterance.progress_at_s < self._bounds.progress_interval_s:
            return
        utterance.progress_at_s = now_s
        assert utterance.pipeline is not None
        progress = utterance.pipeline.progress()
        total = progress.total_frames
        waits = utterance.is_head and utterance.stream.clock.waiting
        # Audio that is made again after a restart would count as still to come.
        told = waits and utterance.made_samples >= utterance.delivered_samples
        self._events.append(
            UtteranceProgress(
                utterance_id=utterance.utterance_id,
                semantic_tokens=progress.semantic_tokens,
                semantic_done=progress.semantic_done,
                coarse_frames=progress.coarse_frames,
                fine_frames=progress.fine_frames,
                expected_samples=None if total is None else total * self._config.hop_samples,
                start_hint=self._hint(utterance, now_s) if told else None,
            )
        )

    def _finish_if_done(self, utterance: Utterance, now_s: float) -> bool:
        pipeline = utterance.pipeline
        assert pipeline is not None
        # One that has no audio at all still waits for its turn in the stream.
        if not pipeline.finished or not utterance.is_head:
            return False
        tokens = pipeline.tokens()
        if tokens.fine.shape[1]:
            utterance.stream.carried = tokens
        self._hinting.utterance_made(utterance)
        report = utterance.report(now_s)
        kept = tokens if utterance.request.keep_tokens else None
        self._end(utterance, UtteranceFinished(utterance.utterance_id, report, kept), now_s)
        return True

    def _end(self, utterance: Utterance, event: Event, now_s: float) -> None:
        if utterance.started_s is None:  # given up while it waited
            self.tally.wait(now_s - utterance.arrival_s)
        self._places.changed()
        del self._live[utterance.utterance_id]
        self._streams.leave(utterance)
        if not (utterance.stream.utterances or utterance.request.following_s):
            utterance.stream.clock.hint(0.0, now_s)  # nothing more is to come for now
        if utterance.slot is not None:
            self._running.remove(utterance)
            self.slots.give_back(utterance.slot)
            utterance.slot = None
        self._events.append(event)

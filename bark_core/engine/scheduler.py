"""Which batch runs next, and what its answers mean. Plain Python, no torch, no threads, no clock.

Several batches may be under way, each of another stage: an utterance may have a row in each. Every
method that depends on time is given the moment, so each branch is a test of milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bark_core.backends.base import BackendLimits, Output
from bark_core.config import BarkConfig
from bark_core.engine import policy
from bark_core.engine.assignment import Assignment, assign
from bark_core.engine.company import Company
from bark_core.engine.costs import MeasuredCosts
from bark_core.engine.delivery import Delivery
from bark_core.engine.events import (
    Event,
    UtteranceAborted,
    UtteranceFailed,
    UtteranceFinished,
    UtteranceStarted,
)
from bark_core.engine.hinting import Hinting
from bark_core.engine.interface import EngineLimits
from bark_core.engine.length import LengthMeter
from bark_core.engine.line import line_of, waited_in_vain, waits_until_s
from bark_core.engine.machine_time import Spent
from bark_core.engine.meter import LoadMeter
from bark_core.engine.outlook import Outlook
from bark_core.engine.pace import Demand
from bark_core.engine.pipeline import Pipeline
from bark_core.engine.places import Places
from bark_core.engine.policy import Candidate, Choice
from bark_core.engine.request import UtteranceRequest
from bark_core.engine.slots import Slots
from bark_core.engine.stream import Streams
from bark_core.engine.tally import TallyKeeper
from bark_core.engine.utterance import Utterance
from bark_core.engine.work import Answer, Work, answers_of, track
from bark_core.errors import BarkstreamError, DeadlineError
from bark_core.voices import Voice


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
        self._tracks: set[str] = set()  # of the batches under way
        self._events: list[Event] = []
        self.slots = Slots(limits.slots)
        self.meter = LoadMeter()
        self.tally = TallyKeeper()
        lengths = LengthMeter(config)
        self.costs = costs or MeasuredCosts(limits)
        self._hinting = Hinting(config, lengths, self.costs)
        self._delivery = Delivery(config, self._bounds, self._hinting, self.tally, self._events)
        self._wanted = Demand()
        self._company = Company()
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
        for utterance in self._running:
            if utterance.hold is not None and utterance.hold.until_s <= now_s:
                self._delivery.release(utterance, now_s, company=self._company)
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
        """The next batch, under way from now on, or None: nothing can run before ``wake_at_s``."""
        if len(self._tracks) == self._limits.lanes:
            return None
        wanting = [
            (u, works, policy.deadline_s(u, now_s))
            for u in self._running
            if policy.resumes_at_s(u, now_s) <= now_s and (works := self._works(u))
        ]
        self._company = Company([due_s for u, _, due_s in wanting if u.is_head])
        self._wanted = Demand(self._company.fed, len(wanting) - self._company.fed)
        hurried = self._hurried(now_s)
        candidates = [
            Candidate(
                u,
                free,
                due_s,
                prefetch=not u.is_head,
                heard=policy.is_heard(u, now_s),
                urgent=free[0] is works[0],
            )
            for u, works, due_s in wanting
            if (free := self._free(u, works, now_s, hurried=hurried))
        ]
        choice = policy.choose(candidates, self._limits, self.meter, now_s, self.costs)
        return None if choice is None else self._depart(choice)

    def _depart(self, choice: Choice) -> Assignment:
        assignment = assign(choice.work, choice.utterances, self._wanted, self.costs.bare)
        self._tracks.add(track(choice.work, self._limits))
        self.slots.depart(rider.slot for rider in assignment.riders)
        return assignment

    def land(self, assignment: Assignment) -> None:
        """A batch has ended, well or not."""
        self._tracks.remove(track(assignment.work, self._limits))
        self.slots.land(rider.slot for rider in assignment.riders)

    def wake_at_s(self, now_s: float) -> float | None:
        """When something could run again if nothing is heard until then; None: never."""
        deadlines = [u.request.deadline_s for u in self._live.values()]
        moments = [deadline for deadline in deadlines if deadline is not None]
        if len(self._tracks) < self._limits.lanes:
            hurried = self._hurried(now_s)
            moments += [
                policy.resumes_at_s(u, now_s)
                for u in self._running
                if self._free(u, self._works(u), now_s, hurried=hurried)
            ]
        moments += [u.hold.until_s for u in self._running if u.hold is not None]
        line = line_of(self._live.values()) if self.waiting else []
        moments += [waits_until_s(u, self._bounds) for u in line]
        if line and self._running and self._places.ask_again_s > now_s:
            moments.append(self._places.ask_again_s)
        return policy.soonest(moments)

    def commit(
        self, assignment: Assignment, outputs: Sequence[Output], spent: Spent, now_s: float
    ) -> None:
        """Give the answers of the batches that have landed to their utterances.

        Answers to those that have ended or begun anew meanwhile are dropped.
        """
        self._account(assignment, len(outputs), spent)
        audio_s = 0.0
        for output in outputs:
            audio_s += self._answer(assignment, answers_of(output), now_s)
        self.meter.add(assignment.work, spent, audio_s, batches=len(outputs))
        for rider in assignment.riders:
            if rider.gone:
                continue
            utterance = rider.utterance
            utterance.worked(assignment.work, spent.began_s, now_s, len(outputs))
            if not self._finish_if_done(utterance, now_s):
                self._delivery.progress(utterance, now_s, company=self._company)

    def _answer(self, assignment: Assignment, answers: Sequence[Answer], now_s: float) -> float:
        """A row's answer to each utterance. -> Seconds of audio."""
        assert len(answers) == len(assignment.riders), "the back end lost rows"
        work, audio_s = assignment.work, 0.0
        for rider, answer in zip(assignment.riders, answers, strict=True):
            if rider.gone:
                continue
            utterance = rider.utterance
            assert utterance.pipeline is not None
            try:
                pcm = utterance.pipeline.accept(work, answer)
            except BarkstreamError as error:
                self.fail(utterance, error, now_s)
                continue
            utterance.answered(work)
            if pcm is not None:
                audio_s += pcm.size / self._config.sample_rate_hz
                self._delivery.audio(utterance, pcm, now_s, company=self._company)
        return audio_s

    def _account(self, assignment: Assignment, batches: int, spent: Spent) -> None:
        work, rows, one = assignment.work, len(assignment.riders), spent.of_one(batches)
        self._hinting.batch_ran(assignment, one)
        self.costs.add(work, rows, assignment.wanted.fed, one)
        for _ in range(batches):
            self.tally.batch(work, rows, one.busy_s)

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
        events = self._events.copy()
        self._events.clear()
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

    def _free(
        self, utterance: Utterance, works: tuple[Work, ...], now_s: float, *, hurried: bool
    ) -> tuple[Work, ...]:
        """Those of its works that can run beside the batches under way."""
        assert utterance.slot is not None
        if not self.slots.is_clean(utterance.slot):
            return ()  # begins anew once its last row has come back
        free = tuple(work for work in works if track(work, self._limits) not in self._tracks)
        if hurried and free[:1] != works[:1] and not policy.is_heard(utterance, now_s):
            return ()
        return free

    def _hurried(self, now_s: float) -> bool:
        """Somebody waits for a first audio: those who hear nothing only do what is urgent."""
        return any(policy.waits_for_first_audio(u, now_s) for u in self._running)

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
            if not self.slots.free and not self.slots.leaving:
                self._evict()
            if not self.slots.free:
                return  # there is none, or it is free when a batch has ended
            if not head.stream.has_place:
                head.stream.has_place = True
                self._places.began(head, now_s)
            self._start(head, now_s)
        for one in list(self._live.values()):
            if not self.slots.free:
                return
            if policy.may_begin_early(one, self.meter):
                self._start(one, now_s)

    def _evict(self) -> None:
        """Take the slot of the youngest prefetched utterance, if there is one."""
        prefetched = [u for u in self._running if not u.is_head]
        if not prefetched:
            return
        youngest = max(prefetched, key=lambda u: u.arrival_s)
        assert youngest.slot is not None
        self._running.remove(youngest)
        self.slots.give_back(youngest.slot)
        youngest.slot = None
        youngest.restart()

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

    def _finish_if_done(self, utterance: Utterance, now_s: float) -> bool:
        pipeline = utterance.pipeline
        assert pipeline is not None
        # One that has no audio at all still waits for its turn in the stream.
        if not pipeline.finished or not utterance.is_head:
            return False
        self._delivery.release(utterance, now_s, company=self._company)
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
        utterance.life += 1
        self._events.append(event)

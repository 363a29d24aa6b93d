"""One text being spoken: a state machine without I/O, clock or engine of its own.

Text goes in, requests for the engine come out; engine events go in, ordered audio and reports come
out. Whoever owns a context carries out the ``Actions`` that every call returns, one call at a
time. Exactly one terminal event; after it the engine's events are ignored.

What users get to hear of texts without sound: a text without a single speakable character fails
with ``TextError``; a text of which the model made no audio at all fails with
``EngineFailureError`` (reason ``NO_AUDIO``); single utterances without sound among others are
completed with 0 samples.
"""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable, Sequence

from bark_core.engine.events import (
    Event,
    UtteranceAborted,
    UtteranceFailed,
    UtteranceFinished,
    UtteranceQueued,
)
from bark_core.engine.request import UtteranceRequest
from bark_core.errors import (
    BarkstreamError,
    CapacityError,
    EngineFailureError,
    OutOfOrderError,
    VoiceDataError,
)
from bark_core.speech.delivery import Delivery
from bark_core.speech.events import (
    Actions,
    CancelReport,
    ContextCompleted,
    ContextEvent,
    ContextFailed,
    ContextProgress,
    ContextQueued,
    SpeechReceipt,
    SpeechUsage,
)
from bark_core.speech.frontend import SpeechFrontend
from bark_core.speech.settings import Continuity, SpeechSettings
from bark_core.text.base import TextSegment
from bark_core.voices import Voice, validate

MAX_PENDING_FLUSHES = 256


class SpeechContext:
    """One text, from its first character to its terminal event. Not thread-safe.

    Args:
        context_id: The caller's name for it.
        frontend: Makes requests.
        settings: How to speak.
        clock: Seconds; ``time.monotonic`` outside tests.
        stream_id: Unique among the engine's live ones; made up when not given.
    """

    def __init__(
        self,
        context_id: str,
        frontend: SpeechFrontend,
        settings: SpeechSettings,
        clock: Callable[[], float],
        *,
        stream_id: str | None = None,
    ) -> None:
        self.context_id = context_id
        self.settings = settings
        self.stream_id = uuid.uuid4().hex if stream_id is None else stream_id
        self._frontend = frontend
        self._clock = clock
        self._opened_s = clock()
        self._seed = frontend.draw_seed() if settings.seed is None else settings.seed
        self._rate_hz = frontend.config.sample_rate_hz
        self._segmenter = frontend.segmenter(settings)
        self._delivery = Delivery(
            self._rate_hz,
            settings.pause_s,
            settings.fade_s,
            clock,
            honours_hints=settings.pacing.honours_start_hint,
        )
        self._source: list[str] = []
        self._waiting: deque[TextSegment] = deque()
        self._segments = 0
        self._carried: Voice | None = settings.voice.prompt
        self._finished = False
        self._ended = False

    @property
    def ended(self) -> bool:
        """The terminal event is out."""
        return self._ended

    @property
    def idle(self) -> bool:
        """Nothing is being made: the text so far was spoken or is too short to begin with."""
        return self._ended or not (self._waiting or self._delivery.live)

    @property
    def receipt(self) -> SpeechReceipt:
        """How to make this speech again. Known from the start."""
        return SpeechReceipt(
            seed=self._seed, voice=self.settings.voice.name, model=self._frontend.name
        )

    @property
    def usage(self) -> SpeechUsage:
        """What was made so far."""
        return self._delivery.usage(self._segmenter.characters)

    def progress(self) -> ContextProgress | None:
        """Where the utterance stands whose audio comes next; None: nothing is being made."""
        return self._delivery.progress()

    def append(self, text: str, *, final: bool = False) -> Actions:
        """More text, verbatim.

        Args:
            text: Any part of the text.
            final: Nothing follows: as ``finish`` after it, but the engine, told of all the text at
                once, knows better how much a listener should wait for.

        Raises:
            TextError: Too long together or not text; then nothing of it was taken.
            OutOfOrderError: After ``finish`` or the terminal event.
        """
        self._check_open()
        segments = self._segmenter.feed(text)
        if text:  # endless empty deltas take no room
            self._source.append(text)
        if final:
            self._finished = True
            segments = [*segments, *self._segmenter.flush()]
        return self._add(segments)

    def flush(self, flush_id: str = "") -> Actions:
        """Speak what is buffered without waiting for more.

        Raises:
            OutOfOrderError: After ``finish`` or the terminal event.
            CapacityError: Too many flushes wait for their audio.
        """
        self._check_open()
        if self._delivery.marks >= MAX_PENDING_FLUSHES:
            raise CapacityError(
                f"{MAX_PENDING_FLUSHES} flushes of this context wait for their audio; "
                "wait for flushed events before sending more",
                reason="TOO_MANY_FLUSHES",
            )
        segments = self._segmenter.flush()
        self._delivery.mark(flush_id, self._segments + len(segments))
        return self._add(segments)

    def finish(self) -> Actions:
        """No more text will come.

        Raises:
            OutOfOrderError: Already finished, or after the terminal event.
        """
        self._check_open()
        self._finished = True
        return self._add(self._segmenter.flush())

    def on_event(self, event: Event) -> Actions:
        """The engine says something about an utterance of this context."""
        if self._ended or event.utterance_id not in self._delivery.live:
            return Actions()
        match event:
            case UtteranceFailed(error=error):
                return self._end(ContextFailed(error, self.usage), over=event.utterance_id)
            case UtteranceAborted():
                error = EngineFailureError("the engine gave up an utterance; try again")
                return self._end(ContextFailed(error, self.usage), over=event.utterance_id)
            case UtteranceQueued(position=position, wait_s=wait_s):
                return Actions(events=(ContextQueued(position, wait_s),))
            case UtteranceFinished(tokens=tokens) if tokens is not None:
                self._carry_on(tokens)
        try:
            events = self._delivery.take(event)
        except EngineFailureError as error:
            return self.fail(error)
        if self.idle and not self._finished:
            events += self._delivery.start_now()
        return self._actions(events)

    def report_playback(self, played_s: float) -> Actions:
        """The listener has heard ``played_s`` seconds of this context.

        Raises:
            InvalidRequestError: Not a time.
        """
        heard_s = self._delivery.playback.report(played_s, self._clock())
        if self._ended:
            return Actions()
        # The engine does not know of our pauses.
        samples = self._delivery.timeline.speech_samples(round(heard_s * self._rate_hz))
        return Actions(played_s=samples / self._rate_hz)

    def cancel(self, played_s: float | None = None) -> Actions:
        """Stop at once. The terminal event is a ``CancelReport``; none if already ended.

        Args:
            played_s: What the listener has heard; None: the clock's guess.

        Raises:
            InvalidRequestError: ``played_s`` is not a time.
        """
        if self._ended:
            return Actions()
        now_s = self._clock()
        playback = self._delivery.playback
        if played_s is not None:
            playback.report(played_s, now_s)
        heard_s = playback.played_s(now_s)
        source = "".join(self._source)
        heard_samples = round(heard_s * self._rate_hz)
        heard = self._delivery.timeline.heard_characters(source, heard_samples)
        report = CancelReport(
            text_spoken=source[:heard],
            text_remaining=source[heard:],
            audio_sent_s=self._delivery.sent_samples / self._rate_hz,
            played_s=heard_s,
            played_reported=played_s is not None,
            usage=self.usage,
        )
        return self._end(report)

    def fail(self, error: BarkstreamError) -> Actions:
        """Give up: the engine refused a request, time is over, or it cannot go on."""
        return Actions() if self._ended else self._end(ContextFailed(error, self.usage))

    def _check_open(self) -> None:
        if self._ended or self._finished:
            raise OutOfOrderError(
                "the context takes no more text: it is finished; open another one",
                reason="CONTEXT_FINISHED",
            )

    def _add(self, segments: Sequence[TextSegment]) -> Actions:
        self._waiting.extend(segments)
        self._segments += len(segments)
        return self._actions(self._delivery.due_flushes())

    def _actions(self, events: list[ContextEvent]) -> Actions:
        """What follows from the present state, after ``events``."""
        if self._finished and self.idle:
            return self._end(self._outcome(), events)
        return Actions(submit=tuple(self._next_requests()), events=tuple(events))

    def _next_requests(self) -> list[UtteranceRequest]:
        """As many utterances as the engine may have of this text at once."""
        carries_on = self.settings.continuity is Continuity.CARRY_ON
        ahead = 1 if carries_on else self.settings.utterances_ahead
        requests = []
        while self._waiting and len(self._delivery.live) < ahead:
            segment = self._waiting.popleft()
            request = self._frontend.request(
                segment,
                self.settings,
                stream_id=self.stream_id,
                seed=self._seed,
                voice=self._carried if carries_on else self.settings.voice.prompt,
                following_characters=self._following_characters(),
            )
            self._delivery.expect(request.utterance_id, segment)
            requests.append(request)
        return requests

    def _following_characters(self) -> int:
        """Code points that the engine will be asked for, whatever the caller does.

        Not those that wait for more text or a flush: a listener might wait for them in vain.
        """
        return sum(len(segment.spoken_text) for segment in self._waiting)

    def _carry_on(self, tokens: Voice) -> None:
        """Keep the utterance as history for the next one, where it is long enough to be one."""
        try:
            validate(tokens, self._frontend.config)
        except VoiceDataError:
            return  # of a word or less: the history before it stays
        self._carried = tokens

    def _outcome(self) -> ContextCompleted | ContextFailed:
        if self._delivery.sent_samples:
            timing = self._delivery.timing(self._opened_s)
            return ContextCompleted(self.usage, timing, self.receipt)
        error: BarkstreamError
        if self._segments:
            error = EngineFailureError(
                "the model made no sound of this text; try another seed, voice or wording",
                reason="NO_AUDIO",
            )
        else:
            error = self._segmenter.nothing_said()
        return ContextFailed(error, self.usage)

    def _end(
        self,
        terminal: ContextCompleted | CancelReport | ContextFailed,
        events: Sequence[ContextEvent] = (),
        *,
        over: str | None = None,
    ) -> Actions:
        """The terminal event. ``over`` is an utterance that the engine ended itself."""
        self._ended = True
        abort = tuple(name for name in self._delivery.unfinished if name != over)
        return Actions(abort=abort, events=(*events, terminal))

"""Any order of calls and engine events: what a context promises holds."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bark_core.checkpoints import open_checkpoint
from bark_core.engine.events import UtteranceFailed
from bark_core.errors import EngineFailureError
from bark_core.speech import (
    CancelReport,
    ContextCompleted,
    ContextFailed,
    Flushed,
    SegmentCompleted,
    SpeechContext,
    SpeechFrontend,
)
from bark_core.text import SegmentationMode, SegmentLimits
from tests.support.speech_script import TERMINAL, ManualClock, Owner

FRONTEND = SpeechFrontend(open_checkpoint("noise"))
TEXTS = st.sampled_from(
    ["Hello there my friend. ", "Yes! ", "and so", " on, it goes", "... ", "今天。", "\n\n", "é"]
)


class ContextMachine(RuleBasedStateMachine):
    """The owner checks each event as it comes; here are the promises over the whole life."""

    def __init__(self) -> None:
        super().__init__()
        limits = SegmentLimits(max_tokens=12, mode=SegmentationMode.LIVE)
        self.clock = ManualClock()
        chosen = FRONTEND.settings(seed=1, segmentation=limits, pause_s=0.01)
        self.owner = Owner(SpeechContext("c", FRONTEND, chosen, self.clock))
        self.context = self.owner.context
        self.source = ""
        self.finished = False
        self.flushes: list[str] = []
        self.engine_done: set[int] = set()

    def open(self) -> bool:
        return not (self.context.ended or self.finished)

    def live(self) -> list[int]:
        live = [self.owner.submitted.index(one) for one in self.owner.requests.values()]
        return [] if self.context.ended else live

    @precondition(lambda self: self.open())
    @rule(text=TEXTS)
    def append(self, text: str) -> None:
        self.source += text
        self.owner.do(self.context.append(text))

    @precondition(lambda self: self.open())
    @rule()
    def flush(self) -> None:
        self.flushes.append(str(len(self.flushes)))
        self.owner.do(self.context.flush(self.flushes[-1]))

    @precondition(lambda self: self.open())
    @rule()
    def finish(self) -> None:
        self.finished = True
        self.owner.do(self.context.finish())

    @precondition(lambda self: self.live())
    @rule(data=st.data(), samples=st.integers(1, 500))
    def audio(self, data: st.DataObject, samples: int) -> None:
        self.owner.audio(data.draw(st.sampled_from(self.live())), samples)

    @precondition(lambda self: self.live())
    @rule(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        index = data.draw(st.sampled_from(self.live()))
        self.owner.started(index)
        self.owner.progress(index, data.draw(st.none() | st.integers(0, 2000)))

    @precondition(lambda self: self.live())
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        self.owner.finished(data.draw(st.sampled_from(self.live())))

    @rule(seconds=st.floats(0, 0.1))
    def wait(self, seconds: float) -> None:
        self.clock.now_s += seconds

    @rule(played_s=st.floats(0, 0.2))
    def report(self, played_s: float) -> None:
        actions = self.owner.context.report_playback(played_s)
        assert actions.events == ()
        if actions.played_s is not None:
            assert 0 <= actions.played_s <= played_s + 1 / 24_000

    @precondition(lambda self: self.source)
    @rule(played_s=st.none() | st.floats(0, 0.2))
    def cancel(self, played_s: float | None) -> None:
        was_ended = self.context.ended
        events = self.owner.do(self.context.cancel(played_s))
        assert (len(events) == 0) == was_ended
        assert self.context.ended

    @precondition(lambda self: self.live() and len(self.source) > 40)
    @rule(data=st.data())
    def break_one(self, data: st.DataObject) -> None:
        name = self.owner.name(data.draw(st.sampled_from(self.live())))
        del self.owner.requests[name]
        self.owner.tell(UtteranceFailed(name, EngineFailureError("broken")))
        assert self.context.ended

    @invariant()
    def one_terminal_event(self) -> None:
        assert len(self.owner.of(*TERMINAL)) == int(self.context.ended)

    @invariant()
    def the_engine_is_asked_for_little(self) -> None:
        assert len(self.owner.requests) <= self.context.settings.utterances_ahead
        if self.context.ended:
            assert not self.owner.requests, "left to the engine after the end"

    @invariant()
    def flushes_keep_their_order(self) -> None:
        seen = [one.flush_id for one in self.owner.events if isinstance(one, Flushed)]
        assert seen == self.flushes[: len(seen)]
        if self.owner.of(ContextCompleted) or (self.context.idle and not self.context.ended):
            assert seen == self.flushes

    @invariant()
    def the_end_is_what_it_should_be(self) -> None:
        if not self.context.ended:
            assert not (self.finished and self.context.idle)
            return
        match self.owner.events[-1]:
            case CancelReport() as report:
                assert report.text_spoken + report.text_remaining == self.source
                assert report.audio_sent_s == self.owner.pcm.size / 24_000
                assert 0 <= report.played_s <= report.audio_sent_s
            case ContextCompleted() as completed:
                assert self.finished
                assert completed.usage.text_characters == len(self.source)
                assert completed.usage.utterances == len(self.owner.of(SegmentCompleted))
            case ContextFailed():
                pass
            case _:
                raise AssertionError("the last event is not terminal")


ContextMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=30)
TestContextMachine = ContextMachine.TestCase

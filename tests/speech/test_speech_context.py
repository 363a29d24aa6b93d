"""A context, step by step, against an engine played by hand."""

from __future__ import annotations

import numpy as np
import pytest

from bark_core.engine.events import UtteranceAborted, UtteranceFailed
from bark_core.engine.request import Pacing
from bark_core.errors import (
    BarkstreamError,
    CapacityError,
    EngineFailureError,
    OutOfOrderError,
    TextError,
)
from bark_core.speech import (
    ContextAudio,
    ContextCompleted,
    ContextFailed,
    ContextProgress,
    Continuity,
    Flushed,
    SegmentCompleted,
    SegmentStarted,
    SpeechFrontend,
)
from bark_core.speech.context import MAX_PENDING_FLUSHES
from bark_core.text import SegmentationMode, SegmentLimits
from bark_core.voices import Voice
from tests.support.speech_script import ManualClock, Opener, Owner, spoken

RATE_HZ = 24_000
A = "This is the first sentence. "
B = "Here comes the second one. "
C = "And this is the third one. "
D = "There even is a fourth one. "


def test_the_life_of_a_text(open_context: Opener, clock: ManualClock) -> None:
    owner = open_context()
    owner.do(owner.context.append(A + B))
    owner.do(owner.context.finish())
    assert [request.index for request in owner.submitted] == [0, 1]
    clock.now_s += 0.5
    spoken(owner, 0, 2400)
    spoken(owner, 1, 4800)
    assert [type(event) for event in owner.events] == [
        SegmentStarted,
        ContextAudio,
        ContextAudio,  # the tail that was held back for its fade
        SegmentCompleted,
        ContextAudio,  # the pause
        SegmentStarted,
        ContextAudio,
        ContextAudio,
        SegmentCompleted,
        ContextCompleted,
    ]
    (completed,) = owner.of(ContextCompleted)
    assert isinstance(completed, ContextCompleted)
    assert completed.usage.text_characters == len(A + B)
    assert completed.usage.utterances == 2
    assert completed.usage.semantic_tokens == 20
    assert completed.usage.samples == 2400 + 2400 + 4800
    assert completed.timing.first_audio_s == pytest.approx(0.5)
    assert completed.timing.queued_s == pytest.approx(0.5)
    assert completed.timing.audio_s == pytest.approx(0.4)
    assert completed.timing.real_time_factor == pytest.approx(0.5 / 0.4)
    assert completed.receipt == owner.context.receipt
    assert (completed.receipt.seed, completed.receipt.model) == (7, "noise")
    assert owner.context.ended


def test_requests_say_all_that_decides_the_speech(
    frontend: SpeechFrontend, open_context: Opener
) -> None:
    settings = frontend.settings(seed=11, pacing=Pacing(max_lead_s=3.0), deadline_s=5.0)
    owner = open_context(settings)
    owner.do(owner.context.append(A))
    owner.do(owner.context.finish())
    (request,) = owner.submitted
    assert request.options.seed == 11
    assert request.voice is settings.voice.prompt is not None
    assert len(request.text_ids) == frontend.count_tokens(A.strip())
    assert (request.pacing, request.deadline_s) == (Pacing(max_lead_s=3.0), 5.0)
    assert not request.keep_tokens


def test_a_seed_is_drawn_and_reported(frontend: SpeechFrontend, open_context: Opener) -> None:
    owners = [open_context(frontend.settings()) for _ in range(3)]
    seeds = {owner.context.receipt.seed for owner in owners}
    assert len(seeds) == 3
    owners[0].do(owners[0].context.append(A))
    owners[0].do(owners[0].context.flush())
    assert owners[0].submitted[0].options.seed == owners[0].context.receipt.seed


def test_few_utterances_are_in_the_engine_at_once(open_context: Opener) -> None:
    owner = open_context()
    owner.do(owner.context.append(A + B + C + D))
    owner.do(owner.context.finish())
    assert len(owner.requests) == 2
    spoken(owner, 1, 100)  # done early, but its audio still waits here
    assert len(owner.submitted) == 2
    spoken(owner, 0, 100)
    assert len(owner.submitted) == 4


def test_audio_comes_in_the_order_of_the_text(open_context: Opener) -> None:
    owner = open_context(pause_s=0.0, fade_s=0.0)
    owner.do(owner.context.append(A + B))
    owner.do(owner.context.finish())
    owner.audio(1, 10, value=0.2)
    owner.finished(1)
    assert owner.events == []
    owner.audio(0, 10, value=0.1)
    owner.finished(0)
    np.testing.assert_allclose(owner.pcm, [0.1] * 10 + [0.2] * 10, rtol=1e-6)
    indexes = [event.segment_index for event in owner.events if isinstance(event, ContextAudio)]
    assert indexes == [0, 1]


def test_joints_fade_and_pause(open_context: Opener) -> None:
    owner = open_context(pause_s=0.1, fade_s=0.005)
    owner.do(owner.context.append(A + B))
    owner.do(owner.context.finish())
    for index in (0, 1):
        for _ in range(10):
            owner.audio(index, 100, value=0.8)
        owner.finished(index)
    pcm = owner.pcm
    assert pcm.size == 1000 + 2400 + 1000
    assert np.abs(np.diff(pcm)).max() < 0.02
    np.testing.assert_array_equal(pcm[1000:3400], 0)
    np.testing.assert_allclose(pcm[120:880], 0.8, rtol=1e-6)


def test_silent_utterances_are_no_error_and_make_no_pause(open_context: Opener) -> None:
    owner = open_context()
    owner.do(owner.context.append(A + B + C))
    owner.do(owner.context.finish())
    spoken(owner, 0, 0)
    spoken(owner, 1, 500)
    spoken(owner, 2, 0)
    assert owner.pcm.size == 500
    counts = [one.sample_count for one in owner.events if isinstance(one, SegmentCompleted)]
    assert counts == [0, 500, 0]
    assert isinstance(owner.events[-1], ContextCompleted)


def failure(owner: Owner) -> BarkstreamError:
    last = owner.events[-1]
    assert isinstance(last, ContextFailed)
    return last.error


def test_a_text_without_any_sound_fails(open_context: Opener) -> None:
    owner = open_context()
    owner.do(owner.context.append(A))
    owner.do(owner.context.finish())
    spoken(owner, 0, 0)
    error = failure(owner)
    assert isinstance(error, EngineFailureError)
    assert error.reason == "NO_AUDIO"


@pytest.mark.parametrize(
    ("text", "reason"), [("", "TEXT_EMPTY"), (" \n", "TEXT_EMPTY"), ("?! 😀", "TEXT_UNSPEAKABLE")]
)
def test_a_text_without_anything_to_say_fails(open_context: Opener, text: str, reason: str) -> None:
    owner = open_context()
    owner.do(owner.context.append(text))
    owner.do(owner.context.finish())
    error = failure(owner)
    assert isinstance(error, TextError)
    assert error.reason == reason


def test_flushes_come_back_in_order_after_their_audio(open_context: Opener) -> None:
    owner = open_context()
    assert owner.do(owner.context.flush("nothing yet")) == [Flushed("nothing yet", 0)]
    owner.do(owner.context.append("One two"))
    owner.do(owner.context.flush("a"))
    owner.do(owner.context.append(" three four"))
    owner.do(owner.context.flush("b"))
    owner.do(owner.context.flush("c"))
    spoken(owner, 1, 100)
    assert [event for event in owner.events if isinstance(event, Flushed)] == [
        Flushed("nothing yet", 0)
    ]
    spoken(owner, 0, 100)
    assert owner.of(Flushed)[1:] == [
        Flushed("a", 100),
        Flushed("b", 100 + 2400 + 100),
        Flushed("c", 100 + 2400 + 100),
    ]
    assert owner.do(owner.context.finish())[-1] == owner.events[-1]
    assert isinstance(owner.events[-1], ContextCompleted)


def test_flushes_are_bounded(open_context: Opener) -> None:
    owner = open_context()
    owner.do(owner.context.append("Something"))
    for number in range(MAX_PENDING_FLUSHES):
        owner.do(owner.context.flush(str(number)))
    with pytest.raises(CapacityError):
        owner.context.flush("one more")


def test_text_after_the_end_is_refused(open_context: Opener) -> None:
    owner = open_context()
    owner.do(owner.context.append(A))
    owner.do(owner.context.finish())
    with pytest.raises(OutOfOrderError):
        owner.context.append("more")
    with pytest.raises(OutOfOrderError):
        owner.context.flush()
    with pytest.raises(OutOfOrderError):
        owner.context.finish()


def test_empty_deltas_take_no_room(open_context: Opener) -> None:
    owner = open_context()
    for delta in ("", "One", "", "", " and two.", ""):
        owner.do(owner.context.append(delta))
    assert owner.context._source == ["One", " and two."]


def test_refused_text_leaves_the_context_as_it_was(open_context: Opener) -> None:
    owner = open_context(max_text_characters=100)
    owner.do(owner.context.append(A))
    with pytest.raises(TextError):
        owner.context.append("\0")
    with pytest.raises(TextError):
        owner.context.append("x" * 100)
    owner.do(owner.context.finish())
    spoken(owner, 0, 10)
    assert isinstance(owner.events[-1], ContextCompleted)
    assert owner.events[-1].usage.text_characters == len(A)


def test_a_failed_utterance_fails_the_context_and_stops_its_siblings(
    open_context: Opener,
) -> None:
    owner = open_context()
    owner.do(owner.context.append(A + B + C))
    owner.do(owner.context.finish())
    owner.audio(0, 500)
    error = EngineFailureError("broken")
    del owner.requests[owner.name(1)]
    owner.tell(UtteranceFailed(owner.name(1), error))
    assert failure(owner) is error
    assert owner.aborted == [owner.name(0)]
    assert len(owner.submitted) == 2
    owner.audio(0, 500)  # too late: nothing follows
    owner.tell(UtteranceAborted(owner.name(0)))
    assert failure(owner) is error


def test_the_owner_may_fail_a_context(open_context: Opener) -> None:
    owner = open_context()
    owner.do(owner.context.append(A))
    owner.do(owner.context.flush())
    error = CapacityError("full")
    owner.do(owner.context.fail(error))
    assert failure(owner) is error
    assert owner.aborted == [owner.name(0)]
    assert owner.do(owner.context.fail(error)) == []


def test_missing_audio_is_a_failure_of_the_engine(open_context: Opener) -> None:
    owner = open_context()
    owner.do(owner.context.append(A))
    owner.do(owner.context.finish())
    owner.audio(0, 10)
    owner.sent[owner.name(0)] += 5
    owner.audio(0, 10)
    assert isinstance(failure(owner), EngineFailureError)


def test_audio_after_the_end_is_a_failure_of_the_engine(open_context: Opener) -> None:
    owner = open_context()
    owner.do(owner.context.append(A + B))
    owner.do(owner.context.finish())
    owner.audio(1, 10)
    owner.finished(1)
    owner.audio(1, 10)
    assert isinstance(failure(owner), EngineFailureError)


def test_an_abort_that_nobody_asked_for_is_a_failure(open_context: Opener) -> None:
    owner = open_context()
    owner.do(owner.context.append(A))
    owner.do(owner.context.finish())
    owner.tell(UtteranceAborted(owner.name(0)))
    assert isinstance(failure(owner), EngineFailureError)


def test_progress_tells_of_the_utterance_that_is_heard_next(open_context: Opener) -> None:
    owner = open_context()
    assert owner.context.progress() is None
    owner.do(owner.context.append(A + B))
    owner.do(owner.context.finish())
    assert owner.context.progress() == ContextProgress(0, True, 0, 0, None, 0)
    owner.started(0)
    assert owner.progress(1, 9000) == []
    assert owner.progress(0, 4000) == [ContextProgress(0, False, 7, 5, 4000, 0)]
    spoken(owner, 0, 4000)
    assert owner.context.progress() == ContextProgress(1, True, 7, 5, 9000, 4000)


def voice(seed: int, tokens: int) -> Voice:
    numbers = np.random.default_rng(seed)
    frames = round(tokens * 75 / 49.9)
    fine = numbers.integers(0, 1024, (8, frames))
    return Voice(numbers.integers(0, 10_000, tokens), fine[:2], fine)


def test_carrying_on_continues_the_utterance_before(
    frontend: SpeechFrontend, open_context: Opener
) -> None:
    settings = frontend.settings(seed=7, continuity=Continuity.CARRY_ON)
    owner = open_context(settings)
    owner.do(owner.context.append(A + B + C + D))
    owner.do(owner.context.finish())
    first, second = voice(1, 200), voice(2, 1)
    assert len(owner.submitted) == 1
    assert owner.submitted[0].voice is settings.voice.prompt
    assert owner.submitted[0].keep_tokens
    owner.audio(0, 10)
    owner.finished(0, first)
    assert owner.submitted[1].voice is first
    owner.audio(1, 10)
    owner.finished(1, Voice(second.semantic, second.coarse[:, :0], second.fine[:, :0]))
    assert owner.submitted[2].voice is first, "an utterance without frames is no history"
    owner.finished(2, voice(3, 60))
    assert owner.submitted[3].voice is not first


def test_tokens_come_with_the_segment_where_asked_for(
    frontend: SpeechFrontend, open_context: Opener
) -> None:
    owner = open_context(frontend.settings(keep_tokens=True))
    owner.do(owner.context.append(A))
    owner.do(owner.context.finish())
    kept = voice(1, 50)
    owner.audio(0, 10)
    owner.finished(0, kept)
    (completed,) = owner.of(SegmentCompleted)
    assert isinstance(completed, SegmentCompleted)
    assert completed.tokens is kept


def test_live_text_is_spoken_while_it_is_written(
    frontend: SpeechFrontend, open_context: Opener
) -> None:
    limits = SegmentLimits(mode=SegmentationMode.LIVE)
    owner = open_context(frontend.settings(segmentation=limits))
    for delta in ("Yes", ", I", " can", "!", " What"):
        owner.do(owner.context.append(delta))
    assert [request.index for request in owner.submitted] == [0]
    spoken(owner, 0, 100)
    assert owner.context.idle
    assert not owner.context.ended

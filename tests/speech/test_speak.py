"""The synchronous driver over the real thread engine and the fake back end."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing

import numpy as np
import pytest

from bark_core.backends.base import BackendLimits
from bark_core.backends.fake import Cost, Effect, FakeBackend, FakeScript, Fault
from bark_core.engine.interface import EngineLimits
from bark_core.engine.thread import ThreadEngine
from bark_core.errors import (
    CapacityError,
    DeadlineError,
    EngineFailureError,
    TextError,
    UnavailableError,
)
from bark_core.speech import (
    ContextAudio,
    ContextCompleted,
    ContextEvent,
    Continuity,
    SegmentCompleted,
    SegmentStarted,
    SpeechFrontend,
    speak,
)
from bark_core.text import SegmentationMode, SegmentLimits

TEXT = "This is the first sentence. Here comes the second one. And this is the third one."
SLOTS = 3


def engine_of(frontend: SpeechFrontend, script: FakeScript, **limits: int) -> ThreadEngine:
    bounds = EngineLimits(**limits)  # type: ignore[arg-type]
    backend = BackendLimits(SLOTS, SLOTS, SLOTS, SLOTS, SLOTS)
    return ThreadEngine(
        lambda: FakeBackend(frontend.config, backend, script),
        frontend.config,
        bounds,
    )


@pytest.fixture
def engine(frontend: SpeechFrontend) -> Iterator[ThreadEngine]:
    with closing(engine_of(frontend, FakeScript(lengths=(60, 0, 40)))) as made:
        made.start()
        yield made


def pcm_of(events: Sequence[ContextEvent]) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.concatenate([one.pcm for one in events if isinstance(one, ContextAudio)])


def test_a_text_is_spoken(engine: ThreadEngine, frontend: SpeechFrontend) -> None:
    events = list(speak(engine, frontend, TEXT, frontend.settings(seed=3)))
    completed = events[-1]
    assert isinstance(completed, ContextCompleted)
    assert completed.usage.utterances == 3
    assert completed.usage.semantic_tokens == 100
    assert completed.usage.samples == pcm_of(events).size > 0
    assert completed.receipt.voice == "v2/en_speaker_0"
    started = [one.segment.spoken_text for one in events if isinstance(one, SegmentStarted)]
    assert " ".join(started) == TEXT
    counts = [one.sample_count for one in events if isinstance(one, SegmentCompleted)]
    assert counts[1] == 0
    assert sum(counts) + round(0.15 * 24_000) == completed.usage.samples
    assert np.isfinite(pcm_of(events)).all()


@pytest.mark.parametrize("continuity", Continuity)
def test_deltas_say_the_same_as_the_whole(
    engine: ThreadEngine, frontend: SpeechFrontend, continuity: Continuity
) -> None:
    chosen = frontend.settings(seed=3, continuity=continuity)
    whole = pcm_of(list(speak(engine, frontend, TEXT, chosen)))
    deltas = pcm_of(list(speak(engine, frontend, iter(TEXT), chosen)))
    np.testing.assert_array_equal(whole, deltas)


def test_carrying_on_changes_what_follows(engine: ThreadEngine, frontend: SpeechFrontend) -> None:
    sounds = [
        pcm_of(list(speak(engine, frontend, TEXT, frontend.settings(seed=3, continuity=one))))
        for one in Continuity
    ]
    assert sounds[0].size == sounds[1].size
    assert not np.array_equal(sounds[0], sounds[1])


def test_audio_flows_while_text_is_awaited(engine: ThreadEngine, frontend: SpeechFrontend) -> None:
    heard = threading.Event()

    def deltas() -> Iterator[str]:
        yield "This is the first sentence. And "
        assert heard.wait(30), "no audio before the end of the text"
        yield "so on to the end of it."

    live = SegmentLimits(mode=SegmentationMode.LIVE)
    for event in speak(engine, frontend, deltas(), frontend.settings(segmentation=live)):
        if isinstance(event, ContextAudio):
            heard.set()


def test_closing_stops_the_engine(
    frontend: SpeechFrontend, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = FakeScript(lengths=(700,), costs=(("SemanticStep", Cost(batch_s=0.005)),))
    with closing(engine_of(frontend, script)) as engine:
        engine.start()
        events = speak(engine, frontend, TEXT)
        next(events)
        assert engine.load().running + engine.load().waiting > 0
        stopped: list[str] = []
        abort = engine.abort

        def record(utterance_ids: Sequence[str]) -> None:
            stopped.extend(utterance_ids)
            abort(utterance_ids)

        monkeypatch.setattr(engine, "abort", record)
        events.close()
        assert len(stopped) == 2
        pause = threading.Event()
        while engine.load().running + engine.load().waiting:  # else the test's time runs out
            pause.wait(0.01)


def test_an_endless_text_is_read_no_further_than_needed(
    engine: ThreadEngine, frontend: SpeechFrontend
) -> None:
    read = 0

    def endless() -> Iterator[str]:
        nonlocal read
        while True:
            read += 1
            yield "Hello there my friend. "

    events = speak(engine, frontend, endless(), frontend.settings(max_text_characters=500))
    with pytest.raises(TextError, match="at most 500"):
        list(events)
    assert read < 500 // len("Hello there my friend. ") + 40


def test_errors_of_the_text_and_its_source_reach_the_caller(
    engine: ThreadEngine, frontend: SpeechFrontend
) -> None:
    def broken() -> Iterator[str]:
        yield "Hello"
        raise LookupError("the source broke")

    with pytest.raises(LookupError, match="the source broke"):
        list(speak(engine, frontend, broken()))
    for text in ("", "...", "\0"):
        with pytest.raises(TextError):
            list(speak(engine, frontend, text))
    with pytest.raises(TextError):
        list(speak(engine, frontend, iter(["..."])))


def test_a_fault_of_the_engine_reaches_the_caller(frontend: SpeechFrontend) -> None:
    script = FakeScript(faults=(Fault(Effect.NOT_FINITE, batch="CodecDecode", at=0),))
    with closing(engine_of(frontend, script)) as engine:
        engine.start()
        with pytest.raises(EngineFailureError):
            list(speak(engine, frontend, TEXT))
        assert isinstance(list(speak(engine, frontend, TEXT))[-1], ContextCompleted)


def test_no_sound_at_all_is_an_error(frontend: SpeechFrontend) -> None:
    with closing(engine_of(frontend, FakeScript(lengths=(0,)))) as engine:
        engine.start()
        with pytest.raises(EngineFailureError, match="no sound") as caught:
            list(speak(engine, frontend, TEXT))
        assert caught.value.reason == "NO_AUDIO"


def test_a_full_engine_says_so(frontend: SpeechFrontend) -> None:
    script = FakeScript(lengths=(700,), costs=(("SemanticStep", Cost(batch_s=0.01)),))
    with closing(engine_of(frontend, script, max_waiting=1)) as engine:
        engine.start()
        texts = [speak(engine, frontend, TEXT) for _ in range(SLOTS + 2)]
        with pytest.raises(CapacityError):
            _ = [next(text) for text in texts]
        for text in texts:
            text.close()


def test_a_deadline_ends_it(frontend: SpeechFrontend) -> None:
    script = FakeScript(lengths=(700,), costs=(("SemanticStep", Cost(batch_s=0.01)),))
    with closing(engine_of(frontend, script)) as engine:
        engine.start()
        with pytest.raises(DeadlineError):
            list(speak(engine, frontend, TEXT, frontend.settings(deadline_s=0.0)))


def test_a_closed_engine_ends_it(frontend: SpeechFrontend) -> None:
    script = FakeScript(lengths=(700,), costs=(("SemanticStep", Cost(batch_s=0.01)),))
    engine = engine_of(frontend, script)
    engine.start()
    events = speak(engine, frontend, TEXT)
    next(events)
    engine.close()
    with pytest.raises(UnavailableError):
        list(events)
    with pytest.raises(UnavailableError):
        list(speak(engine, frontend, TEXT))


def test_a_closed_engine_ends_the_wait_for_text(frontend: SpeechFrontend) -> None:
    engine = engine_of(frontend, FakeScript())
    engine.start()
    never = threading.Event()

    def silent() -> Iterator[str]:
        never.wait(30)
        yield "too late"

    engine.close()
    with pytest.raises(UnavailableError):
        list(speak(engine, frontend, silent()))
    never.set()

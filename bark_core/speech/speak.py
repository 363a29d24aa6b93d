"""Speaking in a loop: any engine, one text, one iterator of events."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass

from bark_core.engine.events import Event
from bark_core.engine.interface import Engine, EngineState
from bark_core.errors import BarkstreamError, DeadlineError, EngineDiedError
from bark_core.speech.context import SpeechContext
from bark_core.speech.events import Actions, ContextEvent, ContextFailed
from bark_core.speech.frontend import SpeechFrontend
from bark_core.speech.settings import SpeechSettings

_WATCH_S = 0.5  # how often a silent engine and the deadline are looked at
_TEXT_AHEAD = 16  # deltas read but not yet taken


@dataclass(frozen=True, slots=True)
class _Delta:
    """A piece of text; None: the end."""

    text: str | None


@dataclass(frozen=True, slots=True)
class _SourceFailed:
    """The caller's iterator raised."""

    error: BaseException


_Message = Event | _Delta | _SourceFailed


def speak(
    engine: Engine,
    frontend: SpeechFrontend,
    text: str | Iterable[str],
    settings: SpeechSettings | None = None,
) -> Generator[ContextEvent, None, None]:
    """Speak a text and yield what happens, ``ContextCompleted`` last.

    Closing the generator stops the engine's work on it. An iterable of deltas is read on a thread
    of its own, so that audio flows while the next delta is awaited.

    Args:
        engine: Started.
        frontend: Of the engine's checkpoint.
        text: All of it, or pieces that are joined without anything between them.
        settings: How to speak; None: ``frontend.settings()``.

    Raises:
        BarkstreamError: The context failed; for text that cannot be spoken a ``TextError``.
    """
    chosen = frontend.settings() if settings is None else settings
    context = SpeechContext("speak", frontend, chosen, time.monotonic)
    driver = _Driver(engine, context)
    try:
        if isinstance(text, str):
            yield from driver.carry_out(context.append(text, final=True))
        else:
            driver.read(text)
        while not context.ended:
            yield from driver.step()
    finally:
        driver.close()


class _Driver:
    """Carries out a context's actions and waits for what comes back."""

    def __init__(self, engine: Engine, context: SpeechContext) -> None:
        self._engine = engine
        self._context = context
        # Bounded by its writers: the context has a few utterances in the engine at once, each of
        # bounded length, and the reader of text holds a permit for every delta in here.
        self._inbox: queue.SimpleQueue[_Message] = queue.SimpleQueue()
        self._permits = threading.Semaphore(_TEXT_AHEAD)
        self._closed = threading.Event()

    def read(self, deltas: Iterable[str]) -> None:
        """Read text on a thread. It ends with the text, or with the first delta after close."""
        thread = threading.Thread(
            target=self._pump, args=(deltas,), name="barkstream-text", daemon=True
        )
        thread.start()

    def step(self) -> Iterator[ContextEvent]:
        """Wait for one message and act on it."""
        try:
            message = self._inbox.get(timeout=_WATCH_S)
        except queue.Empty:
            yield from self._watch()
            return
        match message:
            case _Delta(text=text) if text is None:
                yield from self.carry_out(self._context.finish())
            case _Delta(text=text):
                self._permits.release()
                yield from self.carry_out(self._context.append(text or ""))
            case _SourceFailed(error=error):
                raise error
            case _:
                yield from self.carry_out(self._context.on_event(message))

    def carry_out(self, actions: Actions) -> Iterator[ContextEvent]:
        """Do what the context wants, yield its events.

        Raises:
            BarkstreamError: The context failed.
        """
        if actions.abort:
            self._engine.abort(actions.abort)
        for request in actions.submit:
            try:
                self._engine.submit(request, self._listen)
            except BarkstreamError as error:
                actions = self._context.fail(error)
                self._engine.abort(actions.abort)
                break
        for event in actions.events:
            if isinstance(event, ContextFailed):
                raise event.error
            yield event

    def close(self) -> None:
        """Stop the engine's work and the reader of text."""
        self._closed.set()
        self._permits.release()
        self._engine.abort(self._context.cancel().abort)

    def _watch(self) -> Iterator[ContextEvent]:
        deadline_s = self._context.settings.deadline_s
        if deadline_s is not None and time.monotonic() >= deadline_s:
            error: BarkstreamError = DeadlineError("the deadline passed before all was spoken")
            yield from self.carry_out(self._context.fail(error))
        elif self._engine.state is EngineState.CLOSED and self._inbox.empty():
            error = EngineDiedError("the engine was closed while it spoke")
            yield from self.carry_out(self._context.fail(error))

    def _listen(self, events: Sequence[Event]) -> None:
        for event in events:
            self._inbox.put(event)

    def _pump(self, deltas: Iterable[str]) -> None:
        try:
            for delta in deltas:
                self._permits.acquire()
                if self._closed.is_set():
                    return
                self._inbox.put(_Delta(delta))
        except BaseException as error:  # noqa: BLE001 - handed to the caller's own thread
            self._inbox.put(_SourceFailed(error))
            return
        self._inbox.put(_Delta(None))

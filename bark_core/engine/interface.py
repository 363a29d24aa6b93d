"""The engine as everybody else sees it; a thread and a spawned process implement it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from bark_core.backends.base import BackendInfo, BackendLimits
from bark_core.engine.events import Event
from bark_core.engine.request import UtteranceRequest
from bark_core.engine.tally import Tally


class EngineState(Enum):
    """Life of an engine."""

    STARTING = "starting"  # loading and warming up
    READY = "ready"
    DOWN = "down"  # its process died or hung; it is being started again
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """Bounds. Whatever is over them is refused at once with CapacityError.

    Attributes:
        max_waiting: Utterances accepted but without a slot.
        measured_places: Begin no more streams than the measured costs of the model allow to be fed
            in real time; False: as many as there are slots.
        max_wait_s: Longest wait of a text for its place; who is not sure to get one within it is
            refused at once. Matters with ``measured_places`` only.
        headroom: Part of the machine's time that is planned for nobody, 0 to 0.9.
        progress_interval_s: Least time between two UtteranceProgress of an utterance.
        start_timeout_s: Longest load and warm-up; a first start may convert gigabytes.
        step_timeout_s: A batch that takes longer counts as hung (process only).
        restart_limit: Restarts within a minute before the engine stays DOWN.
    """

    max_waiting: int = 64
    measured_places: bool = False
    max_wait_s: float = math.inf
    headroom: float = 0.25
    progress_interval_s: float = 0.25
    start_timeout_s: float = 900.0
    step_timeout_s: float = 60.0
    restart_limit: int = 5


@dataclass(frozen=True, slots=True)
class EngineLoad:
    """A glance at the engine, cheap, from any thread.

    Attributes:
        running: Utterances that hold a slot.
        waiting: Utterances without one.
        slots: Slots in all.
        realtime_factor: Seconds of model time per second of audio lately (None: nothing yet).
        least_lead_s: Audio left to the listener who runs dry first, as of the engine's last sign of
            work; None: nobody listens.
        tally: What was counted since the first start; a life of the engine that ends takes with
            it what it had not told yet.
        places: Listeners that can be fed at once, by what was measured; 0: not known.
        in_line: Texts that wait for a place.
        wait_s: How long a newcomer would wait for one.
    """

    running: int
    waiting: int
    slots: int
    realtime_factor: float | None
    least_lead_s: float | None = None
    tally: Tally = field(default_factory=Tally)
    places: int = 0
    in_line: int = 0
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What the engine runs."""

    backend: BackendInfo
    limits: BackendLimits


EventListener = Callable[[Sequence[Event]], None]
StateListener = Callable[[EngineState], None]


class Engine(Protocol):
    """Thread-safe. All methods return at once, except ``start`` and ``close``."""

    def start(self) -> None:
        """Load and warm up; returns when READY.

        Raises:
            SetupError: The checkpoint, device or library is not usable.
            UnavailableError: It was closed meanwhile.
        """
        ...

    @property
    def state(self) -> EngineState:
        """Where it stands."""
        ...

    @property
    def info(self) -> EngineInfo:
        """What it runs. Known once READY."""
        ...

    def load(self) -> EngineLoad:
        """How busy it is."""
        ...

    def submit(self, request: UtteranceRequest, listener: EventListener) -> None:
        """Queue an utterance; its events go to ``listener`` on the engine's own thread.

        The listener must not block or raise. After the terminal event it is never called again.

        Raises:
            CapacityError: ``max_waiting`` is reached, or the wait would be too long.
            DeadlineError: It is expected to be made too late.
            UnavailableError: STARTING, DOWN or CLOSED.
        """
        ...

    def abort(self, utterance_ids: Sequence[str]) -> None:
        """Stop utterances before the next batch. Unknown or ended ids are ignored."""
        ...

    def report_playback(self, stream_id: str, played_s: float) -> None:
        """The listener has heard ``played_s`` seconds of the stream so far."""
        ...

    def add_state_listener(self, listener: StateListener) -> None:
        """Call ``listener`` at every change of state, from an engine thread."""
        ...

    def close(self) -> None:
        """Fail what runs with UnavailableError, free everything. Safe to call twice."""
        ...

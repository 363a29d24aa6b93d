"""What reaches the engine's loop from outside; the same for a thread and for a process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bark_core.engine.events import Event
from bark_core.engine.outlook import Outlook
from bark_core.engine.request import UtteranceRequest
from bark_core.engine.tally import Tally


@dataclass(frozen=True, slots=True)
class Submit:
    """A new utterance. ``arrival_s`` is a ``time.monotonic()`` moment."""

    request: UtteranceRequest
    arrival_s: float


@dataclass(frozen=True, slots=True)
class Abort:
    """Stop these."""

    utterance_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReportPlayback:
    """A listener has heard so much of a stream."""

    stream_id: str
    played_s: float


Command = Submit | Abort | ReportPlayback


@dataclass(frozen=True, slots=True)
class TickReport:
    """What one turn of the loop tells the outside.

    Attributes:
        events: In order; several utterances mixed.
        running: Utterances that hold a slot now.
        realtime_factor: Model time per second of audio lately.
        tally: What was counted since the report before.
        least_lead_s: Audio left to the listener who runs dry first; None: nobody listens.
        outlook: What newcomers have to expect; None: as before.
    """

    events: Sequence[Event]
    running: int
    realtime_factor: float | None
    tally: Tally
    least_lead_s: float | None
    outlook: Outlook | None = None

"""Utterances that are heard one after another, and the clock of their listener."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from bark_core.engine.playback import PlaybackClock
from bark_core.voices import Voice

if TYPE_CHECKING:
    from bark_core.engine.utterance import Utterance

MAX_IDLE_STREAMS = 128
"""Streams without a live utterance whose clock and last tokens are remembered."""


class Stream:
    """One listener.

    Attributes:
        stream_id: Its name.
        clock: What the listener has heard.
        utterances: Live ones in the order of submission.
        carried: The last completed utterance that had something to say, or None.
        has_place: It may be made: from its first slot until it has no live utterance any more.
    """

    def __init__(self, stream_id: str) -> None:
        self.stream_id = stream_id
        self.clock = PlaybackClock()
        self.utterances: list[Utterance] = []
        self.carried: Voice | None = None
        self.has_place = False

    @property
    def head(self) -> Utterance | None:
        """The utterance that is heard next."""
        return self.utterances[0] if self.utterances else None


class Streams:
    """All streams by name: those with live utterances and, bounded, those lately idle."""

    def __init__(self) -> None:
        self._busy: dict[str, Stream] = {}
        self._idle: OrderedDict[str, Stream] = OrderedDict()

    def join(self, stream_id: str) -> Stream:
        """The stream of that name, for a new utterance; made if need be."""
        stream = self._busy.get(stream_id) or self._idle.pop(stream_id, None) or Stream(stream_id)
        self._busy[stream_id] = stream
        return stream

    def leave(self, utterance: Utterance) -> None:
        """An utterance has ended."""
        stream = utterance.stream
        stream.utterances.remove(utterance)
        if not stream.utterances:
            del self._busy[stream.stream_id]
            stream.has_place = False
            self._idle[stream.stream_id] = stream
            while len(self._idle) > MAX_IDLE_STREAMS:
                self._idle.popitem(last=False)

    def placed(self) -> list[Stream]:
        """Those that have a place."""
        return [stream for stream in self._busy.values() if stream.has_place]

    def find(self, stream_id: str) -> Stream | None:
        """The stream of that name, or None."""
        return self._busy.get(stream_id) or self._idle.get(stream_id)

    def __len__(self) -> int:
        return len(self._busy) + len(self._idle)

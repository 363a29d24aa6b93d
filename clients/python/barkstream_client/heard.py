"""Which part of a text the listener has heard.

The server tells when a context is cancelled. But audio is made ahead of playback, so an
interruption often comes after all of it was sent and the server has forgotten the context; then
the client works it out from what it received.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from barkstream_client.events import Audio, Segment

_WORD = re.compile(r"\S+")


@dataclass(slots=True)
class Timeline:
    """Which samples belong to which utterance.

    Attributes:
        sample_rate_hz: Of the audio; 0 before there is any.
        sample_count: Samples received.
        starts: First sample of each utterance, by its index.
        ends: One past the last sample of utterances whose length is known before it was sent.
        segments: The utterances, by index.
    """

    sample_rate_hz: int = 0
    sample_count: int = 0
    starts: dict[int, int] = field(default_factory=dict)
    ends: dict[int, int] = field(default_factory=dict)
    segments: dict[int, Segment] = field(default_factory=dict)

    def add(self, event: Segment | Audio) -> None:
        """Note what an event tells."""
        if isinstance(event, Segment):
            self.segments[event.index] = event
            return
        self.sample_rate_hz = event.sample_rate_hz
        self.starts.setdefault(event.segment_index, event.start_sample)
        self.sample_count = max(self.sample_count, event.start_sample + event.sample_count)

    @property
    def audio_s(self) -> float:
        """Length of the audio received."""
        return self.sample_count / self.sample_rate_hz if self.sample_rate_hz else 0.0

    def heard_until(self, text: str, played_s: float) -> int:
        """Code points of ``text`` heard after ``played_s``, to the nearest end of a word.

        Within an utterance time is spread evenly over its source text.
        """
        played = played_s * self.sample_rate_hz
        heard = 0
        ordered = sorted(self.starts)
        for position, index in enumerate(ordered):
            segment = self.segments.get(index)
            start = self.starts[index]
            if segment is None or played <= start:
                break
            following = ordered[position + 1 : position + 2]
            end = self.starts[following[0]] if following else self.sample_count
            end = self.ends.get(index, end)
            share = min(1.0, (played - start) / max(1, end - start))
            if share == 1.0:
                heard = segment.source_end
                continue
            source = text[segment.source_start : segment.source_end]
            target = share * len(source)
            ends = [0, *(word.end() for word in _WORD.finditer(source))]
            nearest = min(ends, key=lambda end: abs(end - target))
            if nearest:
                heard = segment.source_start + nearest
            break
        return heard

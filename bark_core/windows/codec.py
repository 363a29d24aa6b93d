"""Pieces in which final frames go to the codec."""

from __future__ import annotations

from dataclasses import dataclass

from bark_core.windows.known import Known
from bark_core.windows.ramp import Ramp


@dataclass(frozen=True, slots=True)
class CodecChunk:
    """Frames ``start`` .. ``end`` of the utterance; ``last``: the utterance ends with it."""

    start: int
    end: int
    last: bool


@dataclass(frozen=True, slots=True)
class CodecPlan:
    """Boundaries depend on the frame's index only."""

    ramp: Ramp

    def chunk(self, index: int, final_frames: int, known: Known) -> CodecChunk | None:
        """Chunk ``index``, or None: it may not run yet, or there is no such chunk.

        A chunk waits until it is certain whether it is the last one, so that the decoder is called
        the same way whatever the order of arrival.
        """
        start, end = self.ramp.start(index), self.ramp.start(index + 1)
        if known.total is not None:
            if start >= known.total:
                return None
            end = min(end, known.total)
        elif known.at_least <= end:
            return None
        if final_frames < end:
            return None
        return CodecChunk(start, end, last=end == known.total)

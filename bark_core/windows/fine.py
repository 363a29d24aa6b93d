"""Windows of the coarse -> fine stage.

All columns are counted in *history ++ utterance*: column ``history_frames`` is the utterance's
first frame. A window is filled from ``fill_start`` on; what it fills beyond the frames that are
final is filled again by a later window, which reads the old codes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from bark_core.config import FineTokens
from bark_core.options import LowLatencyWindows
from bark_core.windows.known import Known
from bark_core.windows.ramp import Ramp


@dataclass(frozen=True, slots=True)
class FineWindow:
    """One pass.

    Attributes:
        index: Its number.
        start: First column.
        width: Columns; those past the utterance's end are padding.
        fill_start: First column to fill, counted from ``start``.
    """

    index: int
    start: int
    width: int
    fill_start: int


class FinePlan(Protocol):
    """When which columns are filled."""

    @property
    def history_frames(self) -> int:
        """Columns of the voice."""
        ...

    def window(self, index: int, known: Known) -> FineWindow | None:
        """Window ``index``, or None: it may not run yet, or there is no such window."""
        ...

    def frames_needed(self, index: int, known: Known) -> int | None:
        """Frames that must exist before window ``index`` may run; None: there is no such window."""
        ...

    def final_frames(self, windows_done: int, known: Known) -> int:
        """Frames of the utterance that no later window will change."""
        ...


@dataclass(frozen=True, slots=True)
class ExactFinePlan:
    """The reference's windows, each as early as what it reads is certain.

    A window's place depends on the utterance's length only through the last one, which is pushed
    back to end with the utterance. Window n stands at its regular place, and so may run, once the
    frames up to its end exist.
    """

    fine: FineTokens
    history_frames: int

    def window(self, index: int, known: Known) -> FineWindow | None:
        """Window ``index`` as soon as it is determined."""
        needed = self.frames_needed(index, known)
        if needed is None or known.frames < needed:
            return None
        width, stride = self.fine.window_frames, self.fine.stride_frames
        columns = max(self.history_frames + known.at_least, width)
        start = min(stride * index, columns - width)
        fill = min(self.history_frames + stride * index, columns - stride)
        return FineWindow(index, start, width, fill - start)

    def frames_needed(self, index: int, known: Known) -> int | None:
        """Frames up to the window's end; where the length is known, at most that."""
        width, stride = self.fine.window_frames, self.fine.stride_frames
        if known.total is None:
            return stride * index + width - self.history_frames
        if index >= self._window_count(known.total):
            return None
        columns = max(known.total + self.history_frames, width)
        start = min(stride * index, columns - width)
        return min(start + width - self.history_frames, known.total)

    def final_frames(self, windows_done: int, known: Known) -> int:
        """Frames before the earliest column that the next window can fill."""
        if windows_done == 0:
            return 0
        if known.total is not None and windows_done >= self._window_count(known.total):
            return known.total
        width, stride = self.fine.window_frames, self.fine.stride_frames
        columns = max(self.history_frames + known.at_least, width)
        fill = min(self.history_frames + stride * windows_done, columns - stride)
        return max(0, fill - self.history_frames)

    def _window_count(self, total: int) -> int:
        if total == 0:
            return 0
        rest = total - (self.fine.window_frames - self.history_frames)
        return max(0, math.ceil(rest / self.fine.stride_frames)) + 1


@dataclass(frozen=True, slots=True)
class LowLatencyFinePlan:
    """Chunks along a ramp, each with a little look-ahead and a limited history.

    Pass c sees at most ``max_history_frames`` before its chunk, the chunk, and
    ``lookahead_frames`` after it. It fills chunk and look-ahead; the chunk is then final, the
    look-ahead is filled again by the next pass.
    """

    history_frames: int
    ramp: Ramp
    lookahead_frames: int
    max_history_frames: int
    window_frames: int

    @classmethod
    def of(
        cls, fine: FineTokens, policy: LowLatencyWindows, history_frames: int
    ) -> LowLatencyFinePlan:
        """The plan of a policy; what does not fit into the model's window is cut down to it."""
        lookahead = min(policy.fine_lookahead_frames, fine.window_frames // 4)
        longest = fine.window_frames - lookahead
        ramp = Ramp(tuple(min(length, longest) for length in policy.ramp_frames))
        return cls(history_frames, ramp, lookahead, policy.fine_history_frames, fine.window_frames)

    def window(self, index: int, known: Known) -> FineWindow | None:
        """Pass ``index`` once its chunk and its look-ahead exist."""
        end = self.frames_needed(index, known)
        if end is None or known.frames < end:
            return None
        start = self.ramp.start(index)
        room = self.window_frames - (end - start)
        context = min(self.max_history_frames, self.history_frames + start, room)
        return FineWindow(
            index, self.history_frames + start - context, context + end - start, context
        )

    def frames_needed(self, index: int, known: Known) -> int | None:
        """Frames of chunk ``index``, all before it, and its look-ahead."""
        end = self.ramp.start(index + 1) + self.lookahead_frames
        if known.total is None:
            return end
        return min(end, known.total) if self.ramp.start(index) < known.total else None

    def final_frames(self, windows_done: int, known: Known) -> int:
        """Frames of the chunks that are done."""
        end = self.ramp.start(windows_done)
        return end if known.total is None else min(end, known.total)

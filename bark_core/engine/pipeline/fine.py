"""Coarse frames -> all codebooks."""

from __future__ import annotations

import numpy as np

from bark_core.backends.base import FineRow, IntArray
from bark_core.config import BarkConfig
from bark_core.engine.request import UtteranceRequest
from bark_core.engine.work import Work
from bark_core.errors import EngineFailureError
from bark_core.sampling import DrawKey, Stage
from bark_core.voices import Voice
from bark_core.windows import FinePlan, FineWindow, Known


class FineStage:
    """Fills windows of the code array.

    Attributes:
        codes: [K, history + capacity] codes; ``pad_token`` where there are none yet.
        windows_done: Passes so far.
    """

    def __init__(
        self,
        config: BarkConfig,
        request: UtteranceRequest,
        voice: Voice | None,
        plan: FinePlan,
        max_frames: int,
    ) -> None:
        self._config = config
        self._request = request
        self._plan = plan
        fine, history = config.fine, plan.history_frames
        columns = max(history + max_frames, fine.window_frames)
        self.codes: IntArray = np.full((fine.n_codebooks, columns), fine.pad_token, np.int64)
        if voice is not None and history:
            self.codes[:, :history] = voice.fine[:, -history:]
        self.windows_done = 0

    def put_coarse(self, frame: int, codebook: int, code: int) -> None:
        """Enter one coarse code."""
        self.codes[codebook, self._plan.history_frames + frame] = code

    def frames(self, start: int, end: int) -> IntArray:
        """Codes of these frames of the utterance. [K, end - start]."""
        history = self._plan.history_frames
        return self.codes[:, history + start : history + end].copy()

    def ready(self, known: Known) -> Work | None:
        """What it could run now."""
        return None if self._plan.window(self.windows_done, known) is None else Work.FINE

    def final_frames(self, known: Known) -> int:
        """Frames that will not change any more."""
        return self._plan.final_frames(self.windows_done, known)

    def frames_needed(self, known: Known) -> int | None:
        """Frames that the next window waits for; None: there is no next window."""
        return self._plan.frames_needed(self.windows_done, known)

    def row(self, known: Known) -> FineRow:
        """The next window."""
        window = self._next(known)
        options = self._request.options
        return FineRow(
            codes=self.codes[:, window.start : window.start + window.width].copy(),
            fill_start=window.fill_start,
            key=DrawKey(options.seed, self._request.index, Stage.FINE, window.index),
            temperature=options.fine.temperature,
        )

    def accept(self, codes: IntArray, known: Known) -> None:
        """Take the filled window; raises EngineFailureError if it has another shape."""
        window = self._next(known)
        n_coarse = self._config.coarse.n_codebooks
        if codes.shape != (self.codes.shape[0], window.width):
            raise EngineFailureError(f"the fine stage returned codes of shape {codes.shape}")
        first = window.start + window.fill_start
        filled = codes[n_coarse:, window.fill_start :]
        self.codes[n_coarse:, first : window.start + window.width] = filled
        self.windows_done += 1

    def _next(self, known: Known) -> FineWindow:
        window = self._plan.window(self.windows_done, known)
        assert window is not None, "no fine window is ready"
        return window

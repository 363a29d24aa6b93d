"""Final frames -> samples."""

from __future__ import annotations

import numpy as np

from bark_core.backends.base import CodecRow, FloatArray
from bark_core.config import BarkConfig
from bark_core.engine.pipeline.fine import FineStage
from bark_core.engine.work import Work
from bark_core.errors import EngineFailureError
from bark_core.windows import CodecChunk, CodecPlan, Known


class CodecStage:
    """Hands final frames to the slot's stateful decoder, piece by piece.

    Attributes:
        chunks_done: Pieces made so far.
        samples: Made so far.
        chunks_done: Pieces decoded.
        done: The last piece has been decoded.
    """

    def __init__(self, config: BarkConfig, plan: CodecPlan, fine: FineStage) -> None:
        self._hop_samples = config.hop_samples
        self._plan = plan
        self._fine = fine
        self.chunks_done = 0
        self.samples = 0
        self.done = False

    def ready(self, known: Known) -> Work | None:
        """What it could run now."""
        return None if self._chunk(known) is None else Work.CODEC

    def row(self, slot: int, known: Known) -> CodecRow:
        """The next piece."""
        chunk = self._chunk(known)
        assert chunk is not None, "no codec chunk is ready"
        return CodecRow(slot, self._fine.frames(chunk.start, chunk.end), chunk.last)

    def accept(self, pcm: FloatArray, known: Known) -> None:
        """Count the samples of a piece.

        Raises:
            EngineFailureError: They are not finite, or not as many as the frames stand for.
        """
        chunk = self._chunk(known)
        assert chunk is not None
        if not np.isfinite(pcm).all():
            raise EngineFailureError("the codec produced samples that are not finite")
        self.samples += pcm.size
        self.chunks_done += 1
        self.done = chunk.last
        if self.done and self.samples != chunk.end * self._hop_samples:
            raise EngineFailureError(
                f"the codec made {self.samples} samples of {chunk.end} frames, "
                f"not {chunk.end * self._hop_samples}"
            )

    def _chunk(self, known: Known) -> CodecChunk | None:
        return self._plan.chunk(self.chunks_done, self._fine.final_frames(known), known)

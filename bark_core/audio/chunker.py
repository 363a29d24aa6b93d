"""Pieces of a fixed length out of pieces of any length."""

from __future__ import annotations

import numpy as np

from bark_core.audio.pcm import FloatArray


class Chunker:
    """Cuts a stream of samples into chunks.

    Args:
        chunk_samples: Length of a chunk; None: a chunk of whatever comes.
    """

    def __init__(self, chunk_samples: int | None) -> None:
        if chunk_samples is not None and chunk_samples < 1:
            raise ValueError(f"chunk_samples must be at least 1, got {chunk_samples}")
        self._chunk_samples = chunk_samples
        self._rest = np.zeros(0, np.float32)  # [< chunk_samples]

    def feed(self, pcm: FloatArray) -> list[FloatArray]:
        """The chunks that are complete. [N] -> [chunk_samples] each."""
        if self._chunk_samples is None:
            return [pcm] if pcm.size else []
        joined = np.concatenate((self._rest, pcm))
        whole = joined.size // self._chunk_samples
        end = whole * self._chunk_samples
        self._rest = joined[end:].copy()  # A view would keep all of it alive.
        return np.split(joined[:end], whole) if whole else []

    def drain(self) -> list[FloatArray]:
        """The rest, shorter than a chunk."""
        rest, self._rest = self._rest, np.zeros(0, np.float32)
        return [rest] if rest.size else []

"""The fine transformer: one window at a time, its codebooks one after another."""

from __future__ import annotations

import numpy as np

from bark_core.backends.base import FineRow, FloatArray, IntArray
from bark_core.backends.onnx import layout
from bark_core.backends.onnx.finite import check_finite
from bark_core.backends.onnx.session import Binding, GraphDirectory
from bark_core.config import BarkConfig
from bark_core.sampling import draw_fine


class FineStage:
    """Stateless.

    Args:
        directory: Where its graph lies.
        config: Sizes.
        threads: For one operator.
    """

    def __init__(self, directory: GraphDirectory, config: BarkConfig, threads: int) -> None:
        self._n_coarse = config.coarse.n_codebooks
        self._codebook_size = config.fine.codebook_size
        self._embeddings = directory.table(layout.embedding_file("fine"))  # [K, V, D]
        self._positions = directory.table(layout.positions_file("fine"))  # [S, D]
        self._session = directory.session(layout.FINE, threads)

    def run(self, row: FineRow) -> IntArray:
        """One window with its codes filled in. [K, T]."""
        codes = row.codes.astype(np.int64)  # a copy
        filled = codes.shape[1] - row.fill_start
        if filled <= 0:
            return codes
        # Sum of the codebooks that will not change any more.
        known = np.sum([self._embed(book, codes) for book in range(self._n_coarse)], axis=0)
        for book in range(self._n_coarse, codes.shape[0]):
            # The codebook's own old codes are an input as well.
            logits = self._logits(book, known + self._embed(book, codes), row.fill_start)
            key = row.key.with_codebook(book)
            codes[book, row.fill_start :] = draw_fine(logits, row.temperature, key)
            known += self._embed(book, codes)
        return codes

    def _embed(self, book: int, codes: IntArray) -> FloatArray:
        """[T, D]."""
        return np.asarray(self._embeddings[book, codes[book]])

    def _logits(self, book: int, x: FloatArray, fill_start: int) -> FloatArray:
        """[T, D] -> [T - fill_start, codebook_size]."""
        count = x.shape[0]
        logits = np.empty((count - fill_start, self._codebook_size), dtype=np.float32)
        binding = Binding.of(self._session)
        binding.input(layout.X, (x + self._positions[:count])[None])
        binding.input(layout.FILL, np.array([fill_start], dtype=np.int64))
        # The heads are the embedding tables (suno-ai/bark bark/model_fine.py: FineGPT).
        binding.input(layout.HEAD, self._embeddings[book, : self._codebook_size])
        binding.output(layout.LOGITS, logits)
        binding.run()
        check_finite(logits, "fine")
        return logits

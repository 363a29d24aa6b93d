"""The back end: batches in, one stage each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

import numpy as np

from bark_core.backends.base import (
    AudioOutput,
    BackendInfo,
    BackendLimits,
    Batch,
    CoarseDraw,
    CoarsePrefill,
    CoarsePrefillRow,
    CoarseStep,
    CodecDecode,
    FineOutput,
    FinePass,
    FloatArray,
    Output,
    SemanticDraw,
    SemanticPrefill,
    SemanticPrefillRow,
    SemanticStep,
    TokenOutput,
)
from bark_core.backends.onnx.causal import CausalStage
from bark_core.backends.onnx.codec import CodecStage
from bark_core.backends.onnx.fine import FineStage
from bark_core.backends.onnx.finite import check_finite
from bark_core.backends.onnx.precision import Precision
from bark_core.backends.onnx.session import GraphDirectory
from bark_core.config import BarkConfig
from bark_core.sampling import draw_semantic, draw_token

_MAX_STEP_ROWS = 8


def default_limits(
    slots: int, lanes: int = 1, *, prefills_beside_steps: bool = False
) -> BackendLimits:
    """Steps are batched; everything else runs a row at a time, so wider batches gain nothing."""
    return BackendLimits(
        slots=slots,
        max_step_rows=min(slots, _MAX_STEP_ROWS),
        max_prefill_rows=1,
        max_fine_rows=1,
        max_codec_rows=1,
        lanes=lanes,
        prefills_beside_steps=prefills_beside_steps,
    )


class OnnxBackend:
    """Runs batches on the CPU with ONNX Runtime.

    Every stage has its own sessions, bindings, cache or streams, so batches of different stages may
    run at once (``limits.lanes``). So may, with an int8 cache, a prefill and steps of others:
    what a prefill makes is written into the cache by the slot's first step. A session runs in the
    thread that calls it and ``threads - 1`` of its own.

    Prefills, fine passes and codec calls run row by row: nothing is gained by batching them, and
    an activation's scale must not depend on a neighbour. Steps run together.

    A batch that fails leaves caches and streams where they were, except that a failed prefill
    leaves its slot empty and that rows of a codec batch before the failing one have advanced.

    Args:
        directory: The converted checkpoint.
        config: Sizes and token ids.
        precision: What was converted.
        limits: Slots and widths.
        threads: For one operator.
    """

    def __init__(
        self,
        directory: GraphDirectory,
        config: BarkConfig,
        precision: Precision,
        limits: BackendLimits,
        threads: int,
    ) -> None:
        self._config = config
        self._limits = limits
        slots = limits.slots
        self._info = BackendInfo(
            name="onnx", device="cpu", dtype=precision.name, threads=limits.lanes * threads
        )
        self._semantic = CausalStage(directory, "semantic", config.semantic_model, slots, threads)
        self._coarse = CausalStage(directory, "coarse", config.coarse_model, slots, threads)
        self._fine = FineStage(directory, config, threads)
        self._codec = CodecStage(directory, config, threads)
        self._closed = False

    @property
    def limits(self) -> BackendLimits:
        """Slots and widths."""
        return self._limits

    @property
    def info(self) -> BackendInfo:
        """Name, precision and threads."""
        return self._info

    def execute(self, batch: Batch, /) -> Output:
        """Run one batch.

        Raises:
            EngineFailureError: The model produced values that are not finite, or a slot is full.
        """
        assert not self._closed, "the back end is closed"
        self._check(batch)
        match batch:
            case SemanticPrefill():
                return TokenOutput(tuple(self._semantic_prefill(row) for row in batch.rows))
            case SemanticStep():
                return TokenOutput(self._semantic_step(batch))
            case CoarsePrefill():
                return TokenOutput(tuple(self._coarse_prefill(row) for row in batch.rows))
            case CoarseStep():
                return TokenOutput(self._coarse_step(batch))
            case FinePass():
                return FineOutput(tuple(self._fine.run(row) for row in batch.rows))
            case CodecDecode():
                return AudioOutput(tuple(self._codec.run(row) for row in batch.rows))
            case _:
                assert_never(batch)

    def reset(self, slots: Sequence[int], /) -> None:
        """Forget all state of these slots."""
        for stage in (self._semantic, self._coarse, self._codec):
            stage.reset(slots)

    def close(self) -> None:
        """Let go of graphs and caches. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        del self._semantic, self._coarse, self._fine, self._codec

    def _check(self, batch: Batch) -> None:
        """Bugs of the caller show here, not as wrong audio."""
        limits = self._limits
        match batch:
            case SemanticPrefill() | CoarsePrefill():
                widest = limits.max_prefill_rows
            case SemanticStep() | CoarseStep():
                widest = limits.max_step_rows
            case FinePass():
                widest = limits.max_fine_rows
            case CodecDecode():
                widest = limits.max_codec_rows
            case _:
                assert_never(batch)
        assert 1 <= len(batch.rows) <= widest, f"{len(batch.rows)} rows, {widest} allowed"
        if not isinstance(batch, FinePass):
            slots = [row.slot for row in batch.rows]
            assert len(set(slots)) == len(slots), "a slot twice in one batch"
            assert all(0 <= slot < limits.slots for slot in slots), slots

    def _semantic_prefill(self, row: SemanticPrefillRow) -> int | None:
        x = self._semantic.embed(row.text_ids) + self._semantic.embed(row.history_ids)
        infer = np.array([self._config.semantic.infer_token])
        x = np.concatenate((x, self._semantic.embed(infer)))
        logits = self._semantic.prefill(row.slot, x)
        check_finite(logits, "semantic")
        token = self._semantic_token(logits, row.draw)
        self._semantic.commit((row.slot,), x.shape[0])
        return token

    def _semantic_step(self, batch: SemanticStep) -> tuple[int | None, ...]:
        slots = [row.slot for row in batch.rows]
        logits = self._semantic.step(slots, [row.token for row in batch.rows])
        check_finite(logits, "semantic")
        tokens = tuple(
            self._semantic_token(scores, row.draw)
            for scores, row in zip(logits, batch.rows, strict=True)
        )
        self._semantic.commit(slots, 1)
        return tokens

    def _semantic_token(self, logits: FloatArray, draw: SemanticDraw) -> int | None:
        """The graph's logits are the vocabulary and, last, the end token."""
        return draw_semantic(
            logits if draw.allow_eos else logits[:-1],
            draw.params,
            draw.key,
            min_eos_p=draw.min_eos_p,
            allow_eos=draw.allow_eos,
        )

    def _coarse_prefill(self, row: CoarsePrefillRow) -> int:
        logits = self._coarse.prefill(row.slot, self._coarse.embed(row.ids))
        check_finite(logits, "coarse")
        token = self._coarse_token(logits, row.draw)
        self._coarse.commit((row.slot,), row.ids.size)
        return token

    def _coarse_step(self, batch: CoarseStep) -> tuple[int | None, ...]:
        slots = [row.slot for row in batch.rows]
        logits = self._coarse.step(slots, [row.token for row in batch.rows])
        check_finite(logits, "coarse")
        tokens = tuple(
            self._coarse_token(scores, row.draw)
            for scores, row in zip(logits, batch.rows, strict=True)
        )
        self._coarse.commit(slots, 1)
        return tokens

    def _coarse_token(self, logits: FloatArray, draw: CoarseDraw) -> int:
        """The graph's logits are the codebooks one after another."""
        size = self._config.coarse.codebook_size
        start = draw.codebook * size
        token = draw_token(logits[start : start + size], draw.params, draw.key)
        return self._config.semantic.vocab_size + start + token

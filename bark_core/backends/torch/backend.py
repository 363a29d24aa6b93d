"""The torch back end: a checkpoint's four models with the state of every slot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import assert_never

import torch

from bark_core.backends.base import (
    AudioOutput,
    BackendInfo,
    BackendLimits,
    Batch,
    CoarsePrefill,
    CoarseStep,
    CodecDecode,
    FineOutput,
    FinePass,
    Output,
    SemanticPrefill,
    SemanticStep,
    TokenOutput,
)
from bark_core.backends.checks import assert_allowed
from bark_core.backends.torch.device import choose_threads, place
from bark_core.backends.torch.stages import (
    CoarseStage,
    CodecStage,
    FineStage,
    SemanticStage,
    Tensors,
)
from bark_core.checkpoints import StageName
from bark_core.config import BarkConfig

_MAX_STEP_ROWS = 16


def default_limits(slots: int) -> BackendLimits:
    """Steps are batched; everything else runs a row at a time, so wider batches gain nothing."""
    return BackendLimits(
        slots=slots,
        max_step_rows=min(slots, _MAX_STEP_ROWS),
        max_prefill_rows=1,
        max_fine_rows=1,
        max_codec_rows=1,
    )


class TorchBackend:
    """Runs batches with PyTorch. Used from one thread at a time.

    On the CPU a row's tokens and samples do not depend on the other rows, bit for bit (see
    ``packed``). On other devices the kernels' authors do not promise that.

    A batch that fails leaves caches and streams where they were, except that a failed prefill
    leaves its slot empty and that rows of a codec batch before the failing one have advanced.

    Args:
        config: Sizes and token ids.
        load_stage: Gives each stage's tensors by canonical name; called once for each.
        limits: Slots and widths.
        device: See ``device.place``.
        dtype: See ``device.place``.
        threads: Threads of the CPU; None: see ``device.choose_threads``. Holds for the whole
            process (torch knows no other way) until ``close``.

    Raises:
        CheckpointError: The tensors do not fit the config.
        ConfigError: The device or dtype is not available.
    """

    def __init__(
        self,
        config: BarkConfig,
        load_stage: Callable[[StageName], Tensors],
        limits: BackendLimits,
        *,
        device: str = "auto",
        dtype: str = "auto",
        threads: int | None = None,
    ) -> None:
        placement = place(device, dtype)
        self._limits = limits
        self._threads_before = torch.get_num_threads()
        torch.set_num_threads(choose_threads(threads, config))
        self._info = BackendInfo(
            name="torch",
            device=placement.description,
            dtype=placement.dtype_name,
            threads=torch.get_num_threads(),
        )
        slots, rows = limits.slots, limits.max_step_rows
        with torch.inference_mode():
            self._semantic = SemanticStage(config, load_stage("semantic"), placement, slots, rows)
            self._coarse = CoarseStage(config, load_stage("coarse"), placement, slots, rows)
            self._fine = FineStage(config, load_stage("fine"), placement)
            self._codec = CodecStage(config, load_stage("codec"), placement, slots)
        self._closed = False

    @property
    def limits(self) -> BackendLimits:
        """Slots and widths."""
        return self._limits

    @property
    def info(self) -> BackendInfo:
        """Device, precision, threads."""
        return self._info

    def execute(self, batch: Batch, /) -> Output:
        """Run one batch; rows of the output answer rows of the batch.

        Raises:
            EngineFailureError: The model produced values that are not finite, or a slot is full.
        """
        assert not self._closed, "the back end is closed"
        assert_allowed(batch, self._limits)
        with torch.inference_mode():
            match batch:
                case SemanticPrefill():
                    return TokenOutput(tuple(self._semantic.prefill(row) for row in batch.rows))
                case SemanticStep():
                    return TokenOutput(self._semantic.step(batch.rows))
                case CoarsePrefill():
                    return TokenOutput(tuple(self._coarse.prefill(row) for row in batch.rows))
                case CoarseStep():
                    return TokenOutput(self._coarse.step(batch.rows))
                case FinePass():
                    return FineOutput(tuple(self._fine.fill(row) for row in batch.rows))
                case CodecDecode():
                    return AudioOutput(tuple(self._codec.decode(row) for row in batch.rows))
                case _:
                    assert_never(batch)

    def reset(self, slots: Sequence[int], /) -> None:
        """Forget all state of these slots."""
        self._semantic.clear(slots)
        self._coarse.clear(slots)
        self._codec.clear(slots)

    def close(self) -> None:
        """Let go of weights and caches. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        del self._semantic, self._coarse, self._fine, self._codec
        torch.set_num_threads(self._threads_before)

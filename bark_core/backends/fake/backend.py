"""The fake itself."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import assert_never

import numpy as np

from bark_core.backends.base import (
    WARM_UP_UTTERANCE,
    AudioOutput,
    BackendInfo,
    BackendLimits,
    Batch,
    CoarseDraw,
    CoarsePrefill,
    CoarsePrefillRow,
    CoarseStep,
    CoarseStepRow,
    CodecDecode,
    CodecRow,
    FineOutput,
    FinePass,
    FloatArray,
    Output,
    SemanticDraw,
    SemanticPrefill,
    SemanticPrefillRow,
    SemanticStep,
    SemanticStepRow,
    TokenOutput,
)
from bark_core.backends.fake import tokens
from bark_core.backends.fake.script import Effect, FakeScript, Fault
from bark_core.backends.fake.tone import ToneState, decode
from bark_core.backends.fake.under_way import UnderWay
from bark_core.config import BarkConfig


@dataclass(slots=True, eq=False)
class _Slot:
    """State of a slot. None: nothing was prefilled since the last reset."""

    text_ids: frozenset[int] = frozenset()
    utterance: int = WARM_UP_UTTERANCE
    length: int = 0
    semantic: int | None = None
    coarse: int | None = None
    tone: ToneState = field(default_factory=ToneState)


class FakeBackend:
    """Runs batches without a model.

    Args:
        config: Sizes and token ids.
        limits: What it pretends to hold.
        script: Lengths, costs and faults.
        sleep: Spends pretended time.
    """

    def __init__(
        self,
        config: BarkConfig,
        limits: BackendLimits,
        script: FakeScript | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._config = config
        self._limits = limits
        self._script = script or FakeScript()
        self._sleep = sleep
        self._slots = [_Slot() for _ in range(limits.slots)]
        self._under_way = UnderWay(limits)
        self._lock = threading.Lock()  # of what all lanes count
        self._seen: Counter[Fault] = Counter()
        self._struck: Counter[Fault] = Counter()
        self.executed: Counter[str] = Counter()
        if self._script.start_s:
            sleep(self._script.start_s)

    @property
    def limits(self) -> BackendLimits:
        """As given."""
        return self._limits

    @property
    def info(self) -> BackendInfo:
        """Says that it is a fake."""
        return BackendInfo(name="fake", device="none", dtype="none", threads=1)

    def execute(self, batch: Batch, /) -> Output:
        """Run one batch.

        Raises:
            RuntimeError: A fault of the script.
        """
        self._check(batch)
        with self._under_way.batch(batch):
            return self._execute(batch)

    def _execute(self, batch: Batch) -> Output:
        name = type(batch).__name__
        cost = dict(self._script.costs).get(name)
        if cost is not None:
            self._sleep(cost.batch_s + len(batch.rows) * cost.row_s)
        with self._lock:
            self.executed[name] += 1
            struck, spoilt = self._strikes(batch)
        for fault in struck:
            _befall(fault)
        match batch:
            case SemanticPrefill():
                return TokenOutput(tuple(self._semantic_prefill(row) for row in batch.rows))
            case SemanticStep():
                return TokenOutput(tuple(self._semantic_step(row) for row in batch.rows))
            case CoarsePrefill():
                return TokenOutput(tuple(self._coarse_prefill(row) for row in batch.rows))
            case CoarseStep():
                return TokenOutput(tuple(self._coarse_step(row) for row in batch.rows))
            case FinePass():
                coarse, size = self._config.coarse.n_codebooks, self._config.fine.codebook_size
                return FineOutput(tuple(tokens.fill(row, coarse, size) for row in batch.rows))
            case CodecDecode():
                return AudioOutput(
                    tuple(self._decode(row, row.slot in spoilt) for row in batch.rows)
                )
            case _:
                assert_never(batch)

    def reset(self, slots: Sequence[int], /) -> None:
        """Forget all state of these slots."""
        self._under_way.assert_idle(slots)
        for slot in slots:
            self._slots[slot] = _Slot()

    def close(self) -> None:
        """Nothing to free."""

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
        assert 1 <= len(batch.rows) <= widest, "batch outside the limits"
        if not isinstance(batch, FinePass):
            slots = [row.slot for row in batch.rows]
            assert len(set(slots)) == len(slots), "a slot twice in one batch"

    def _semantic_prefill(self, row: SemanticPrefillRow) -> int | None:
        semantic = self._config.semantic
        slot = self._slots[row.slot]
        texts = row.text_ids[row.text_ids != semantic.text_pad_token] - semantic.text_offset
        slot.utterance = row.draw.key.utterance
        slot.text_ids = frozenset(int(text_id) for text_id in texts)
        lengths = self._script.lengths
        if lengths:
            slot.length = lengths[row.draw.key.utterance % len(lengths)]
        else:
            slot.length = self._script.tokens_per_text_id * len(texts)
        slot.semantic = tokens.fold(tokens.fold(0, row.text_ids), row.history_ids)
        return self._semantic_token(slot, row.draw)

    def _semantic_step(self, row: SemanticStepRow) -> int | None:
        slot = self._slots[row.slot]
        assert slot.semantic is not None, "semantic step without prefill"
        slot.semantic = tokens.fold_token(slot.semantic, row.token)
        return self._semantic_token(slot, row.draw)

    def _semantic_token(self, slot: _Slot, draw: SemanticDraw) -> int | None:
        if draw.allow_eos and draw.key.step >= slot.length:
            return None
        assert slot.semantic is not None
        key = None if draw.params.temperature == 0 else draw.key
        return tokens.scramble(slot.semantic, key) % self._config.semantic.vocab_size

    def _coarse_prefill(self, row: CoarsePrefillRow) -> int:
        return self._coarse_token(self._slots[row.slot], tokens.fold(0, row.ids), row.draw)

    def _coarse_step(self, row: CoarseStepRow) -> int:
        slot = self._slots[row.slot]
        assert slot.coarse is not None, "coarse step without prefill"
        return self._coarse_token(slot, tokens.fold_token(slot.coarse, row.token), row.draw)

    def _coarse_token(self, slot: _Slot, state: int, draw: CoarseDraw) -> int:
        slot.coarse = state
        coarse = self._config.coarse
        key = None if draw.params.temperature == 0 else draw.key
        code = tokens.scramble(state, key) % coarse.codebook_size
        return self._config.semantic.vocab_size + draw.codebook * coarse.codebook_size + code

    def _decode(self, row: CodecRow, spoilt: bool) -> FloatArray:  # noqa: FBT001
        pcm = decode(self._config.codec, self._slots[row.slot].tone, row)
        return np.full_like(pcm, np.nan) if spoilt else pcm

    def _strikes(self, batch: Batch) -> tuple[list[Fault], set[int]]:
        """The script's faults that strike now, and the slots whose audio is to be spoilt."""
        struck: list[Fault] = []
        spoilt: set[int] = set()
        for fault in self._script.faults:
            hit = self._rows_hit(fault, batch)
            if hit is None:
                continue
            self._seen[fault] += 1
            if fault.at is not None and self._seen[fault] - 1 != fault.at:
                continue
            if self._struck[fault] >= fault.times:
                continue
            self._struck[fault] += 1
            if fault.effect is Effect.NOT_FINITE:
                spoilt |= hit
                continue
            struck.append(fault)
            if fault.effect is Effect.RAISE:
                break  # no later one is met
        return struck, spoilt

    def _rows_hit(self, fault: Fault, batch: Batch) -> set[int] | None:
        """Slots of the rows that a fault is meant for; None: it does not concern this batch."""
        if fault.batch is not None and fault.batch != type(batch).__name__:
            return None
        hit = set()
        for row in batch.rows:
            key = getattr(row, "key", None) or getattr(getattr(row, "draw", None), "key", None)
            slot = getattr(row, "slot", None)
            if key is None:
                assert slot is not None
                utterance = self._slots[slot].utterance
            else:
                utterance = key.utterance
            if utterance == WARM_UP_UTTERANCE:
                continue
            if fault.step is not None and (key is None or key.step != fault.step):
                continue
            if fault.text_id is not None and fault.text_id not in self._texts_of(row):
                continue
            hit.add(-1 if slot is None else slot)
        return hit or None

    def _texts_of(self, row: object) -> frozenset[int]:
        """WordPiece ids of the utterance that a row belongs to (fine rows do not know)."""
        if isinstance(row, SemanticPrefillRow):
            ids = row.text_ids - self._config.semantic.text_offset
            return frozenset(int(text_id) for text_id in ids)
        slot = getattr(row, "slot", None)
        return frozenset() if slot is None else self._slots[slot].text_ids


def _befall(fault: Fault) -> None:
    match fault.effect:
        case Effect.RAISE:
            raise RuntimeError("scripted fault of the fake back end")
        case Effect.HANG:
            time.sleep(fault.hang_s)
        case Effect.EXIT:
            os._exit(13)
        case Effect.NOT_FINITE:
            """The row's audio was spoilt."""
        case _:
            assert_never(fault.effect)

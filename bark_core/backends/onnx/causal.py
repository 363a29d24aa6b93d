"""A causal transformer with a cache for every slot: prefills of one slot, steps of several.

The cache's *rows* are handed out at each prefill, the lowest free one first, because a batch of
steps is a run of neighbouring rows: the graph then works in place on a part of one array. A row
that lies between two rows of a batch without being in it goes along, and what that appends to its
cache lies beyond its length and is overwritten by its own next step. One spare row beyond those of
the slots can go along everywhere: some kernels treat a row that is alone differently.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bark_core.backends.onnx import layout
from bark_core.backends.onnx.session import Binding, GraphDirectory, input_dtype, output_width
from bark_core.backends.rows import RowRule, measure
from bark_core.checkpoints import StageName
from bark_core.config import TransformerConfig
from bark_core.errors import EngineFailureError

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]


@dataclass(slots=True, eq=False)
class Rows:
    """Which slot has which row of the cache.

    Attributes:
        lengths: Positions filled, by row.
        of_slot: Row of each slot that was prefilled.
    """

    lengths: list[int]
    of_slot: dict[int, int] = field(default_factory=dict)

    def take(self, slot: int) -> int:
        """The lowest free row, empty, for a slot; what the slot had is forgotten."""
        self.release(slot)
        row = min(set(range(len(self.lengths))) - set(self.of_slot.values()))
        self.of_slot[slot] = row
        self.lengths[row] = 0
        return row

    def release(self, slot: int) -> None:
        """Forget a slot."""
        self.of_slot.pop(slot, None)

    def of(self, slot: int) -> int:
        """The row of a slot that holds something."""
        row = self.of_slot.get(slot)
        assert row is not None, f"step without prefill: slot {slot}"
        assert self.lengths[row], f"step without prefill: slot {slot}"
        return row


@dataclass(slots=True, eq=False)
class Prefilled:
    """What a prefill made of a slot, until the slot's first step.

    Attributes:
        entries: [layers, 2, heads, count, head_dim] int8 keys and values.
        counts: It went well.
    """

    entries: NDArray[np.int8]
    counts: bool = False


class CausalStage:
    """The semantic or the coarse transformer.

    What ``prefill`` and ``step`` append counts from ``commit`` on, so a failed step can be repeated
    and a failed prefill leaves its slot empty.

    Where the cache is int8, a prefill does not touch it, so that steps of other slots may run
    meanwhile in another thread: their rows may reach over any row of the cache.

    Args:
        directory: Where its graphs lie.
        stage: "semantic" or "coarse".
        model: Sizes.
        slots: Utterances in flight.
        threads: For one operator.
    """

    def __init__(
        self,
        directory: GraphDirectory,
        stage: StageName,
        model: TransformerConfig,
        slots: int,
        threads: int,
    ) -> None:
        self._model = model
        self._embedding = directory.table(layout.embedding_file(stage))  # [V, D]
        self._positions = directory.table(layout.positions_file(stage))  # [S, D]
        self._prefill_session = directory.session(layout.prefill_file(stage), threads)
        step_file = layout.step_file(stage)
        self._step_session = (
            directory.session(step_file, threads, same_shapes=True)
            if directory.has(step_file)
            else self._prefill_session
        )
        self._n_logits = output_width(self._prefill_session, layout.LOGITS)
        # [layers, 2, rows, heads, positions, head_dim]: rows next to each other within a layer.
        self._cache = np.zeros(
            (model.n_layer, 2, slots + 1, model.n_head, model.block_size, model.head_dim),
            dtype=input_dtype(self._step_session, layout.cache_names(0)[0][0]),
        )
        self._rows = Rows([0] * slots)
        self._prefilled: dict[int, Prefilled] = {}  # by slot
        self._spare = slots
        self._steps: dict[tuple[int, int], Binding] = {}
        self._rule = self._measure_rule()

    def embed(self, ids: IntArray) -> FloatArray:
        """Embeddings without positions. [T] -> [T, D]."""
        return np.asarray(self._embedding[ids])

    def prefill(self, slot: int, x: FloatArray) -> FloatArray:
        """Start a slot anew with these embeddings. [T, D] -> [V] logits of the last position.

        Raises:
            EngineFailureError: They do not fit into the cache.
        """
        count = x.shape[0]
        self._room_for(slot, count)
        logits = np.empty((1, self._n_logits), dtype=np.float32)
        binding = Binding.of(self._prefill_session)
        binding.input(layout.X, (x + self._positions[:count])[None])
        binding.input(layout.LENGTHS, np.array([count - 1], dtype=np.int32))
        binding.input(layout.TOTAL, np.array([count], dtype=np.int32))
        binding.output(layout.LOGITS, logits)
        if self._cache.dtype == np.float32:
            row = self._rows.take(slot)
            self._bind_cache(binding, row, row + 1)
            binding.run()
        else:
            self._prefilled.pop(slot, None)
            entries = self._bind_fresh(binding, count)
            binding.run()
            self._prefilled[slot] = Prefilled(entries)
        first: FloatArray = logits[0]
        return first

    def step(self, slots: Sequence[int], tokens: Sequence[int]) -> FloatArray:
        """Append a token to each slot. -> [B, V] logits in the order of ``slots``.

        Raises:
            EngineFailureError: A slot is full.
        """
        for slot in slots:
            self._move_in(slot)
        rows = [self._rows.of(slot) for slot in slots]
        lengths = self._rows.lengths
        for slot, row in zip(slots, rows, strict=True):
            self._room_for(slot, lengths[row] + 1)
        if self._rule.most == 1:
            return np.concatenate(
                [self._step_rows([row], [token]) for row, token in zip(rows, tokens, strict=True)]
            )
        return self._step_rows(rows, tokens)

    def _step_rows(self, rows: Sequence[int], tokens: Sequence[int]) -> FloatArray:
        """Append a token to each row, in one pass."""
        lengths = [*self._rows.lengths, 0]  # with the spare row
        first = min(rows)
        end = first + self._rule.width(max(rows) + 1 - first)
        binding = self._step_binding(first, end)
        x = binding.arrays[layout.X]
        # A full row that only goes along may overwrite its end: it can never be stepped again.
        room = self._model.block_size - 1
        positions = [min(length, room) for length in lengths[first:end]]
        for row, token in zip(rows, tokens, strict=True):
            np.add(self._embedding[token], self._positions[lengths[row]], out=x[row - first, 0])
        binding.arrays[layout.LENGTHS][:] = positions
        binding.arrays[layout.TOTAL][0] = max(positions) + 1
        binding.run()
        logits: FloatArray = binding.arrays[layout.LOGITS]
        return logits[[row - first for row in rows]]

    def commit(self, slots: Iterable[int], count: int) -> None:
        """Positions appended to these slots by the last call count from now on."""
        for slot in slots:
            prefilled = self._prefilled.get(slot)
            if prefilled is None:
                self._rows.lengths[self._rows.of_slot[slot]] += count
            else:
                prefilled.counts = True

    def reset(self, slots: Iterable[int]) -> None:
        """Forget these slots."""
        for slot in slots:
            self._prefilled.pop(slot, None)
            self._rows.release(slot)

    def _measure_rule(self) -> RowRule:
        """How rows may share a step on this machine. The cache holds nothing yet, nor after it."""
        numbers = np.random.default_rng(0)
        x = numbers.standard_normal((self._spare + 1, 1, self._model.n_embd)).astype(np.float32)

        def run(rows: Sequence[int]) -> FloatArray:
            binding = self._step_binding(0, len(rows))
            binding.arrays[layout.X][:] = x[list(rows)]
            binding.arrays[layout.LENGTHS][:] = 0
            binding.arrays[layout.TOTAL][0] = 1
            binding.run()
            logits: FloatArray = binding.arrays[layout.LOGITS]
            return logits

        return measure(run, self._spare)

    def _step_binding(self, first: int, end: int) -> Binding:
        """There are as many as runs of rows: about slots * slots / 2 at most."""
        binding = self._steps.get((first, end))
        if binding is None:
            count = end - first
            binding = Binding.of(self._step_session)
            binding.input(layout.X, np.zeros((count, 1, self._model.n_embd), dtype=np.float32))
            binding.input(layout.LENGTHS, np.zeros(count, dtype=np.int32))
            binding.input(layout.TOTAL, np.zeros(1, dtype=np.int32))
            binding.output(layout.LOGITS, np.empty((count, self._n_logits), dtype=np.float32))
            self._bind_cache(binding, first, end)
            self._steps[first, end] = binding
        return binding

    def _bind_cache(self, binding: Binding, first: int, end: int) -> None:
        for layer in range(self._model.n_layer):
            for part, (past, present) in enumerate(layout.cache_names(layer)):
                entries = self._cache[layer, part, first:end]
                binding.input(past, entries)
                binding.output(present, entries)

    def _move_in(self, slot: int) -> None:
        """Before a slot's first step: what its prefill made gets a row of the cache."""
        prefilled = self._prefilled.pop(slot, None)
        if prefilled is None:
            return
        row = self._rows.take(slot)
        if prefilled.counts:
            count = prefilled.entries.shape[3]
            self._cache[:, :, row, :, :count] = prefilled.entries
            self._rows.lengths[row] = count

    def _bind_fresh(self, binding: Binding, count: int) -> NDArray[np.int8]:
        """[layers, 2, heads, count, head_dim] where a prefill puts its keys and values."""
        model = self._model
        shape = (model.n_layer, 2, 1, model.n_head, count, model.head_dim)
        made = np.empty(shape, dtype=np.int8)
        for layer in range(model.n_layer):
            for part, (_, present) in enumerate(layout.cache_names(layer)):
                binding.output(present, made[layer, part])
        return made[:, :, 0]

    def _room_for(self, slot: int, count: int) -> None:
        if count > self._model.block_size:
            raise EngineFailureError(
                f"slot {slot} needs {count} positions of {self._model.block_size}: the window "
                "rules do not fit the checkpoint's block_size"
            )

"""A causal model with its caches and heads: prefills and ragged steps over slots."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn

from bark_core.backends.base import FloatArray, IntArray
from bark_core.backends.checks import require_finite
from bark_core.backends.rows import RowRule
from bark_core.backends.torch import packed
from bark_core.backends.torch.device import Placement, move, on_device
from bark_core.config import TransformerConfig
from bark_core.models.cache import KvCache
from bark_core.models.gpt import CausalModel
from bark_core.models.linear import Linear
from bark_core.models.loading import build


@dataclass(frozen=True, slots=True)
class CausalPlan:
    """What a stage needs of its model.

    Attributes:
        stage: For messages.
        model: Sizes.
        slots: Utterances in flight.
        most_rows: Widest step.
        heads: For each head the ids it can draw, in the order of its logits.
    """

    stage: str
    model: TransformerConfig
    slots: int
    most_rows: int
    heads: tuple[tuple[int, ...], ...]


class CausalRunner:
    """Runs one causal model over slots.

    A slot's length moves on with ``commit`` only, so a failed step can be repeated.

    Attributes:
        rule: How rows may share a pass on this machine.
    """

    def __init__(self, plan: CausalPlan, tensors: dict[str, Tensor], placement: Placement) -> None:
        self._plan = plan
        self._placement = placement
        self._model = build(lambda: CausalModel(plan.model), tensors, plan.stage)
        self._heads = nn.ModuleList(_rows_of(self._model.lm_head, ids) for ids in plan.heads)
        del self._model.lm_head  # only the rows in the heads are ever drawn from
        both = nn.ModuleList((self._model, self._heads))
        move(both, placement)
        self.rule = RowRule(most=plan.most_rows, least=1)
        if placement.device.type == "cpu":
            self.rule = _pack_for_cpu(both, plan.most_rows, placement)
        self._cache = KvCache.allocate(plan.model, plan.slots, placement.device, placement.dtype)

    def clear(self, slots: Iterable[int]) -> None:
        """Forget these slots."""
        self._cache.clear(slots)

    def embed(self, ids: IntArray) -> Tensor:
        """[P] ids -> [P, D] token embeddings, positions not yet added."""
        embedded: Tensor = self._model.input_embeds_layer(on_device(ids, self._placement))
        return embedded

    def prefill(self, embeddings: Tensor, slot: int, head: int) -> FloatArray:
        """Clear a slot and fill it with [P, D]. -> [ids of the head] logits of the next token."""
        self._cache.clear((slot,))
        state = self._model.prefill(embeddings, self._cache, slot)
        logits: FloatArray = self._logits(head, state)[0]
        return logits

    def step(
        self, tokens: Sequence[int], slots: Sequence[int], heads: Sequence[int]
    ) -> list[FloatArray]:
        """Append one token to each slot. -> for each row the [ids of its head] logits."""
        logits: list[FloatArray] = []
        for first in range(0, len(slots), self.rule.most):
            part = slice(first, first + self.rule.most)
            logits += self._step_together(tokens[part], slots[part], heads[part])
        return logits

    def commit(self, slots: Iterable[int], count: int) -> None:
        """What ``prefill`` or ``step`` appended to these slots counts from now on."""
        for slot in slots:
            self._cache.lengths[slot] += count

    def require_prefilled(self, slots: Iterable[int]) -> None:
        """Assert that there is something to continue."""
        for slot in slots:
            assert self._cache.lengths[slot], f"{self._plan.stage} step without prefill: {slot}"

    def _step_together(
        self, tokens: Sequence[int], slots: Sequence[int], heads: Sequence[int]
    ) -> list[FloatArray]:
        padded = self._pad(list(tokens))
        states = self._model.step(
            on_device(np.array(padded), self._placement), self._cache, slots
        )  # [W, D]
        logits: dict[int, FloatArray] = {}
        for head in set(heads):
            rows = [row for row, of_row in enumerate(heads) if of_row == head]
            wanted = self._logits(head, states[self._pad(rows)])
            logits.update(zip(rows, wanted, strict=False))  # padding beyond rows
        return [logits[row] for row in range(len(slots))]

    def _pad(self, rows: list[int]) -> list[int]:
        return rows + rows[:1] * (self.rule.least - len(rows))

    def _logits(self, head: int, states: Tensor) -> FloatArray:
        """[W, D] -> [W, ids of the head].

        Raises:
            EngineFailureError: They are not finite.
        """
        logits: FloatArray = self._heads[head](states).float().cpu().numpy()
        return require_finite(logits, self._plan.stage)


def _rows_of(head: Linear, ids: Sequence[int]) -> Linear:
    """A head that computes only these ids."""
    part = Linear(head.weight.shape[1], len(ids))
    part.weight = nn.Parameter(head.weight[list(ids)], requires_grad=False)
    return part


def _pack_for_cpu(model: nn.Module, most_rows: int, placement: Placement) -> RowRule:
    """Pack a model for the CPU and find out how its rows may be batched."""
    if not packed.is_available(placement.dtype):
        return RowRule(most=1, least=1)
    packed.pack(model)
    together = packed.rows_are_independent(model, max(2, most_rows))
    return RowRule(most=most_rows if together else 1, least=2)

"""Keys and values of a causal model, preallocated for every slot."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from bark_core.config import TransformerConfig
from bark_core.errors import EngineFailureError


@dataclass(slots=True, eq=False)
class KvCache:
    """What a causal model remembers of its slots.

    Attributes:
        entries: [slots, layers, 2, heads, positions, head_dim]; keys are [:, :, 0], values
            [:, :, 1]. Never cleared: only the first ``lengths[slot]`` positions are ever read.
        lengths: [slots] positions filled.
        layers: ``entries`` again as one view for each slot and layer, because making a view costs
            as much as a small matrix product.
    """

    entries: Tensor
    lengths: list[int]
    layers: tuple[tuple[Tensor, ...], ...] = field(repr=False)

    @staticmethod
    def allocate(
        config: TransformerConfig, slots: int, device: torch.device, dtype: torch.dtype
    ) -> KvCache:
        """An empty cache for ``slots`` utterances."""
        shape = (slots, config.n_layer, 2, config.n_head, config.block_size, config.head_dim)
        entries = torch.empty(shape, device=device, dtype=dtype)
        layers = tuple(tuple(slot.unbind(0)) for slot in entries.unbind(0))
        return KvCache(entries, [0] * slots, layers)

    @property
    def positions(self) -> int:
        """Room of a slot."""
        return self.entries.shape[4]

    def clear(self, slots: Iterable[int]) -> None:
        """Forget these slots."""
        for slot in slots:
            self.lengths[slot] = 0

    def room_for(self, slot: int, start: int, count: int) -> None:
        """Check that ``count`` positions fit after ``start``.

        Raises:
            EngineFailureError: They do not.
        """
        if start + count > self.positions:
            raise EngineFailureError(
                f"slot {slot} needs {start + count} positions of {self.positions}: "
                "the window rules do not fit the checkpoint's block_size"
            )

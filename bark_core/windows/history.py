"""How much of a voice the coarse stage continues from."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bark_core.config import BarkConfig

DROPPED_COARSE_TOKENS = 2
"""The reference drops the last two flattened tokens of a history: it aligns better in time."""


@dataclass(frozen=True, slots=True)
class HistoryLengths:
    """What remains of a history: its last tokens.

    Attributes:
        semantic_tokens: Of the semantic tokens, so many at the end.
        coarse_tokens: Of the flattened coarse tokens, so many, ending
            ``DROPPED_COARSE_TOKENS`` before the end.
    """

    semantic_tokens: int
    coarse_tokens: int


NO_HISTORY = HistoryLengths(0, 0)


def trim_history(
    config: BarkConfig, semantic_tokens: int, coarse_tokens: int, max_history_tokens: int
) -> HistoryLengths:
    """Trim a history to what the coarse context holds, as ``generate_coarse`` does.

    Args:
        config: Rates and limits.
        semantic_tokens: Length of the semantic history.
        coarse_tokens: Length of the flattened coarse history.
        max_history_tokens: Flattened coarse tokens that the context holds (reference: 630).
    """
    if semantic_tokens == 0 or coarse_tokens == 0:
        return NO_HISTORY
    ratio = config.coarse_per_semantic
    semantic = min(
        math.floor(max_history_tokens / ratio),
        semantic_tokens - semantic_tokens % 2,
        math.floor(coarse_tokens / ratio),
    )
    coarse = round(semantic * ratio)
    if semantic == 0:
        # The reference slices with [-0:], which keeps everything. Only histories of one semantic
        # token or less than one token's worth of frames come here.
        semantic, coarse = semantic_tokens, coarse_tokens
    coarse = min(coarse, coarse_tokens)
    return HistoryLengths(semantic, max(0, coarse - DROPPED_COARSE_TOKENS))

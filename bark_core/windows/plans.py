"""All the windows of one utterance, by policy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from bark_core.config import BarkConfig
from bark_core.options import ExactWindows, LowLatencyWindows, WindowPolicy
from bark_core.windows.coarse import CoarsePlan
from bark_core.windows.codec import CodecPlan
from bark_core.windows.fine import ExactFinePlan, FinePlan, LowLatencyFinePlan
from bark_core.windows.ramp import Ramp


@dataclass(frozen=True, slots=True)
class WindowPlans:
    """What every stage after the semantic one does, and when."""

    coarse: CoarsePlan
    fine: FinePlan
    codec: CodecPlan


def plan_windows(
    config: BarkConfig,
    policy: WindowPolicy,
    *,
    semantic_tokens: int,
    coarse_frames: int,
    fine_frames: int,
) -> WindowPlans:
    """The plans for an utterance that continues a voice (0, 0 and 0: none).

    A voice's coarse and fine parts need not be of one length: each stage reads its own.

    Args:
        config: Rates and limits.
        policy: Exact or low latency.
        semantic_tokens: Length of the voice's semantic part.
        coarse_frames: Length of the voice's coarse part.
        fine_frames: Length of the voice's fine part.
    """
    coarse_tokens = coarse_frames * config.coarse.n_codebooks
    coarse = CoarsePlan.of(config, policy, semantic_tokens, coarse_tokens)
    history = min(config.fine.max_history_frames, fine_frames)
    match policy:
        case ExactWindows():
            pieces = Ramp((policy.codec_chunk_frames,))
            return WindowPlans(coarse, ExactFinePlan(config.fine, history), CodecPlan(pieces))
        case LowLatencyWindows():
            chunks = LowLatencyFinePlan.of(config.fine, policy, history)
            return WindowPlans(coarse, chunks, CodecPlan(chunks.ramp))
        case _:
            assert_never(policy)

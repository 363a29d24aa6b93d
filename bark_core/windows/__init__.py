"""When each stage may run, and on what: pure rules on integers.

No arrays, no time, no model: every answer is a function of token and frame *counts* and of the
policy, so an utterance streamed in any order of arrival equals the same utterance made at once.

Algorithm of the exact policy: suno-ai/bark ``bark/generation.py`` (``generate_coarse``,
``generate_fine``; MIT).
"""

from bark_core.windows.coarse import CoarsePlan, CoarseWindow, coarse_steps
from bark_core.windows.codec import CodecChunk, CodecPlan
from bark_core.windows.fine import ExactFinePlan, FinePlan, FineWindow, LowLatencyFinePlan
from bark_core.windows.history import HistoryLengths, trim_history
from bark_core.windows.known import Known
from bark_core.windows.plans import WindowPlans, plan_windows
from bark_core.windows.ramp import Ramp

__all__ = [
    "CoarsePlan",
    "CoarseWindow",
    "CodecChunk",
    "CodecPlan",
    "ExactFinePlan",
    "FinePlan",
    "FineWindow",
    "HistoryLengths",
    "Known",
    "LowLatencyFinePlan",
    "Ramp",
    "WindowPlans",
    "coarse_steps",
    "plan_windows",
    "trim_history",
]

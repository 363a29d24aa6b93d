"""One utterance, stage by stage: what it could run next, and what came back.

Plain state machines over host-side lists and arrays. They know nothing of other utterances, of
slots' contents or of time.
"""

from bark_core.engine.pipeline.pipeline import Pipeline, PipelineProgress

__all__ = ["Pipeline", "PipelineProgress"]

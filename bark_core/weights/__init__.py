"""Weights: safe, strict and bounded loading into one canonical dict of tensors per stage.

Canonical names: ``bark_core.weights.shapes``. How small checkpoints may store them (float16, int8
with scales): ``bark_core.weights.widening``. Writing a checkpoint: ``bark_core.weights.export``.
"""

from bark_core.weights.files import StateDict
from bark_core.weights.stage import load_stage

__all__ = ["StateDict", "load_stage"]

"""Weights: safe, strict and bounded loading into one canonical dict of arrays per stage.

Needs numpy and safetensors; only pickled files need torch, to be read (``pickled``). Canonical
names: ``bark_core.weights.shapes``. How small checkpoints may store tensors (float16, int8 with
scales): ``bark_core.weights.widening``. Writing a checkpoint: ``bark_core.weights.export``.
"""

from bark_core.weights.stage import load_stage
from bark_core.weights.stored import FloatArray, StateDict

__all__ = ["FloatArray", "StateDict", "load_stage"]

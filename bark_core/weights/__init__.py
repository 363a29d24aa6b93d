"""Weights: safe, strict and bounded loading into one canonical dict of tensors per stage."""

from bark_core.weights.files import StateDict
from bark_core.weights.stage import load_stage

__all__ = ["StateDict", "load_stage"]

"""Checkpoint to graphs. Needs the ``onnx`` package; running the graphs does not."""

from bark_core.backends.onnx.convert.build import LoadStage, build_graphs

__all__ = ["LoadStage", "build_graphs"]

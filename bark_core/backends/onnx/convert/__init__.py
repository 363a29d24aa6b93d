"""Checkpoint to graphs, with numpy alone."""

from bark_core.backends.onnx.convert.build import LoadStage, build_graphs

__all__ = ["LoadStage", "build_graphs"]

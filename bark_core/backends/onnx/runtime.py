"""ONNX Runtime, imported so that it reports nothing to its maker. Import it from here only.

From 1.29 on its Linux and macOS wheels send telemetry over HTTPS (model hashes, durations, a
persistent id of the device) unless ``ORT_DISABLE_TELEMETRY`` is set before the library is loaded;
its own function for that comes too late for the first report (``docs/Privacy.md`` of
microsoft/onnxruntime, "Disabling Telemetry"). Who wants it may set the variable to 0.
"""

from __future__ import annotations

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime

__all__ = ["onnxruntime"]

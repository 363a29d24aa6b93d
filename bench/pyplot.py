"""matplotlib, where it is installed: pictures are optional."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

NO_PLOT = "no plot: matplotlib is not installed (pip install matplotlib)"


def open_pyplot() -> Any | None:
    """``matplotlib.pyplot`` without a window; None where there is none."""
    if importlib.util.find_spec("matplotlib") is None:
        return None
    matplotlib: Any = importlib.import_module("matplotlib")
    matplotlib.use("agg")
    return importlib.import_module("matplotlib.pyplot")

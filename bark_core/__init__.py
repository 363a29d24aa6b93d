"""Bark, streamable: the engine behind barkstream, and Suno's own functions over it.

Importing this package is cheap: the functions import what they need when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bark_core.api import (
        SAMPLE_RATE,
        generate_audio,
        preload_models,
        save_as_prompt,
        semantic_to_waveform,
        text_to_semantic,
    )

__all__ = [
    "SAMPLE_RATE",
    "generate_audio",
    "preload_models",
    "save_as_prompt",
    "semantic_to_waveform",
    "text_to_semantic",
]


def __getattr__(name: str) -> object:
    """Suno's functions, imported when they are asked for (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module("bark_core.api"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

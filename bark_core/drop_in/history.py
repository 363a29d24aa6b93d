"""Suno's ways to name a history prompt, and its form of a whole generation."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bark_core.errors import VoiceDataError
from bark_core.voices import Voice, VoiceStore, as_codes, load_npz
from bark_core.voices.npz import ARRAY_NAMES

HistoryPrompt = str | os.PathLike[str] | Mapping[str, Any]
FullGeneration = dict[str, NDArray[Any]]


def as_voice(history_prompt: HistoryPrompt | None, voices: VoiceStore) -> Voice | None:
    """The voice that is meant: a path of an ``.npz`` file, a name, or the three arrays.

    Raises:
        UnknownVoiceError: No voice has that name.
        VoiceDataError: The file or the arrays are no voice.
    """
    if history_prompt is None:
        return None
    if isinstance(history_prompt, Mapping):
        return voice_of(history_prompt)
    name = os.fspath(history_prompt)
    return load_npz(Path(name)) if name.endswith(".npz") else voices.get(name)


def voice_of(full_generation: Mapping[str, Any]) -> Voice:
    """A generation as a voice.

    Raises:
        VoiceDataError: An array is missing or does not hold integers.
    """
    missing = [name for name in ARRAY_NAMES if name not in full_generation]
    if missing:
        raise VoiceDataError(
            f"a history prompt needs {', '.join(ARRAY_NAMES)}; {missing[0]} is missing",
            field="history_prompt",
        )
    semantic, coarse, fine = (
        as_codes(name, np.asarray(full_generation[name])) for name in ARRAY_NAMES
    )
    return Voice(semantic=semantic, coarse=coarse, fine=fine)


def full_generation(voice: Voice) -> FullGeneration:
    """A generation as Suno's code returns it, with the types of its published prompts."""
    return {
        "semantic_prompt": voice.semantic.astype(np.int64),
        "coarse_prompt": voice.coarse.astype(np.int64),
        "fine_prompt": voice.fine.astype(np.int32),
    }

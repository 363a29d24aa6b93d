"""The engine without a server: for windows that only it can be told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bark_core.backends.registry import BackendSpec
from bark_core.checkpoints import open_checkpoint
from bark_core.engine.thread import ThreadEngine
from bark_core.errors import BarkstreamError
from bark_core.options import WindowPolicy
from bark_core.speech import ContextAudio, SpeechFrontend, speak

FloatArray = NDArray[np.float32]


@contextmanager
def open_speaker(
    checkpoint: str, dtype: str, windows: WindowPolicy
) -> Iterator[Callable[[str, str, int], FloatArray | None]]:
    """A function that speaks a text in a voice with a seed; None: it failed or had no sound."""
    opened = open_checkpoint(checkpoint, offline=True)
    spec = BackendSpec(checkpoint=opened, backend="onnx", dtype=dtype, slots=1)
    engine = ThreadEngine(spec, opened.config)
    engine.start()
    frontend = SpeechFrontend(opened)

    def say(text: str, voice: str, seed: int) -> FloatArray | None:
        options = replace(frontend.defaults, windows=windows)
        settings = frontend.settings(voice=voice, seed=seed, options=options)
        try:
            pieces = [
                event.pcm
                for event in speak(engine, frontend, text, settings)
                if isinstance(event, ContextAudio)
            ]
        except BarkstreamError:
            return None
        return np.concatenate(pieces) if pieces else None

    try:
        yield say
    finally:
        engine.close()

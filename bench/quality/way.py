"""Ways to make speech: a window policy, a precision, and through which door."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

import numpy as np

from barkstream_client import SpeechClient
from barkstream_client.errors import SpeechError
from bench.load_server import ServerSettings, running_server
from bench.quality.court import FloatArray, Speak
from bench.quality.engine_door import open_speaker
from bench.window_choice import PRESETS, windows_of

_MODES: dict[str, Literal["low", "exact"]] = {"exact": "exact", "low-latency": "low"}


@dataclass(frozen=True, slots=True)
class Way:
    """One way.

    Attributes:
        windows: "exact" and "low-latency" go through server and client; options of the windows
            (see ``bench.window_choice``), which the service does not offer, to the engine itself.
        dtype: Of the onnx back end.
    """

    windows: str
    dtype: str

    @property
    def name(self) -> str:
        """For tables."""
        return f"{self.windows}/{self.dtype}"

    @classmethod
    def of(cls, name: str) -> Way:
        """Of a name such as "exact/float32" or "ramp_frames=30-60/int8".

        Raises:
            ValueError: There are no such windows.
            OptionError: A value of the windows is out of range.
        """
        windows, _, dtype = name.partition("/")
        windows_of(windows)
        return cls(windows, dtype or "int8")


@asynccontextmanager
async def speaking(way: Way, checkpoint: str) -> AsyncIterator[Speak]:
    """A function that speaks this way."""
    if way.windows in PRESETS:
        settings = ServerSettings(checkpoint=checkpoint, backend="onnx", dtype=way.dtype, slots=1)
        async with (
            running_server(settings) as target,
            SpeechClient.connect(target) as client,
        ):
            yield _through(client, _MODES[way.windows])
    else:
        with open_speaker(checkpoint, way.dtype, windows_of(way.windows)) as speak:

            async def to_engine(text: str, voice: str, seed: int) -> FloatArray | None:
                return speak(text, voice, seed)

            yield to_engine


def _through(client: SpeechClient, mode: Literal["low", "exact"]) -> Speak:
    async def speak(text: str, voice: str, seed: int) -> FloatArray | None:
        try:
            pieces = [
                audio.pcm()
                async for audio in client.stream(
                    text,
                    voice=voice,
                    seed=seed,
                    latency_mode=mode,
                    encoding="pcm_f32le",
                    honours_start_hint=False,
                ).audio()
            ]
        except SpeechError:
            return None
        return np.concatenate(pieces).astype(np.float32) if pieces else None

    return speak

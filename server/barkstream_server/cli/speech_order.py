"""What ``say`` wants spoken, and what it gets back, whoever speaks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

# Shorter texts are spoken before a bar would tell anybody anything.
PROGRESS_FROM_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class SpeechOrder:
    """One run of ``barkstream say``.

    Attributes:
        text: The whole text; None: it comes as ``deltas``.
        deltas: The text, as it comes.
        checkpoint: As for ``open_checkpoint``; not used with a foreign server.
        backend: As for the engine; not used with a foreign server.
        device: Likewise.
        dtype: Likewise.
        voice: Name; "" is the default voice.
        seed: None draws one.
        latency: "low" or "exact".
        temperature: Of the semantic and coarse stages; None is the model's own.
        quiet: No progress, no notices.
        honours_start_hint: A loudspeaker waits for what start hints ask for.
    """

    text: str | None
    deltas: Iterator[str]
    checkpoint: str
    backend: str
    device: str
    dtype: str
    voice: str
    seed: int | None
    latency: str
    temperature: float | None
    quiet: bool
    honours_start_hint: bool = False

    def progress_bar(self) -> tqdm[int]:
        """Characters spoken; invisible for short texts and where nobody watches."""
        characters = len(self.text or "")
        return tqdm(
            range(0),
            total=characters,
            unit="char",
            desc="speaking",
            leave=False,
            disable=self.quiet or characters < PROGRESS_FROM_CHARACTERS or not sys.stderr.isatty(),
        )


@dataclass(frozen=True, slots=True)
class Piece:
    """Audio.

    Attributes:
        pcm: float32 [N].
        sample_rate_hz: Its rate.
        source_end: Code points of the text that are spoken once this utterance is.
        start_buffer_s: What a silent loudspeaker should wait for; None: nothing new.
    """

    pcm: NDArray[np.float32]
    sample_rate_hz: int
    source_end: int
    start_buffer_s: float | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """The report at the end.

    Attributes:
        first_audio_s: From the first text to the first audio, as heard here; None: no audio.
        total_s: From the first text to the last audio.
        audio_s: Length of the audio.
        seed: The seed used.
        voice: The voice used.
        model: The model's name.
    """

    first_audio_s: float | None
    total_s: float
    audio_s: float
    seed: int
    voice: str
    model: str

    def line(self) -> str:
        """One line for people."""
        if self.first_audio_s is None or self.audio_s == 0:
            return f"The model had nothing to say ({self.model}, seed {self.seed})."
        return (
            f"{self.audio_s:.2f} s of speech by {self.model}, voice {self.voice}, seed "
            f"{self.seed}: first audio after {self.first_audio_s * 1000:.0f} ms, real-time factor "
            f"{self.total_s / self.audio_s:.2f}"
        )

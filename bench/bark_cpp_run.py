"""bark.cpp speaks the task, through the bindings of the package ``bark-cpp-python``.

It takes no history prompt, so its coarse windows read less than everybody else's, and the text it
is given does not matter to its cost. It gives everything at the end. The package is not among
anybody's requirements: pip builds it from source (a C++ compiler and cmake are needed).
"""

from __future__ import annotations

import ctypes
import importlib
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from bench.measurement import Chunk, Measurement, peak_memory_mb, stage_figures
from bench.task import SEED, Task

SAMPLE_RATE_HZ = 24_000
NEVER = 2.0  # no probability of the end token is so high
TEXT = b"hello"
ATTEMPTS = 5
WARM_UP_TOKENS = 20  # its codec crashes on a handful of frames
# It tells when a call of one of its models begins, and nothing of the codec, which follows the last
# pass of the fine stage.
STAGES = ("semantic", "coarse", "fine_and_codec")


def weights_path(model: Path, precision: str) -> Path:
    """Where the weights lie in bark.cpp's format, beside those of ``random_bark``."""
    return model / f"bark_cpp_{precision}.bin"


def run_bark_cpp(precision: str, task: Task) -> Measurement:
    """One utterance after a warm-up.

    Raises:
        RuntimeError: It failed.
    """
    library: Any = importlib.import_module("bark_cpp.bark_cpp")
    _speak(library, precision, task, WARM_UP_TOKENS)
    moments, samples = _speak(library, precision, task, task.semantic_tokens)
    start_s, end_s = moments[0][1], moments[-1][1]
    audio_s, total_s = samples / SAMPLE_RATE_HZ, end_s - start_s
    return Measurement(
        audio_s=audio_s,
        first_audio_s=total_s,
        total_s=total_s,
        peak_memory_mb=peak_memory_mb(),
        stages=stage_figures(
            (stage, next_s - at_s) for (stage, at_s), (_, next_s) in pairwise(moments)
        ),
        chunks=(Chunk(total_s, 0.0, audio_s),),
    )


def _speak(
    library: Any, precision: str, task: Task, tokens: int
) -> tuple[list[tuple[str, float]], int]:
    """Returns when every call of a model began, the end last, and the number of samples."""
    moments: list[tuple[str, float]] = []

    def note(_context: object, stage: int, _progress: int, _data: object) -> None:
        moments.append((STAGES[stage], time.perf_counter()))

    callback = library.bark_progress_callback(note)
    parameters = library.bark_context_default_params()
    parameters.min_eos_p = NEVER
    parameters.n_steps_text_encoder = tokens
    parameters.progress_callback = callback
    with _context(library, weights_path(task.model, precision), parameters) as context:
        for _ in range(ATTEMPTS):
            moments.clear()
            if not library.bark_generate_audio(context, TEXT, task.threads):
                raise RuntimeError("bark.cpp failed; it has said why above")
            moments.append(("end", time.perf_counter()))
            # Random weights may draw the end token (once in 10,000 tokens): then once more.
            if sum(stage == "semantic" for stage, _ in moments) == tokens:
                return moments, library.bark_get_audio_data_size(context)
    raise RuntimeError("bark.cpp ended the utterance early every time")


@contextmanager
def _context(library: Any, weights: Path, parameters: Any) -> Iterator[Any]:
    context = library.bark_load_model(str(weights).encode(), parameters, SEED)
    if not context:
        raise RuntimeError(f"bark.cpp cannot load {weights}")
    try:
        yield context
    finally:
        library.bark_free(context)


def quantise(model: Path, precision: str) -> None:
    """Write the weights in fewer bits, unless they are there, in a process of its own.

    Raises:
        CalledProcessError: It failed; it has said why on the terminal.
    """
    out = weights_path(model, precision)
    if not out.exists():
        subprocess.run(
            [sys.executable, "-m", "bench.bark_cpp_run", str(weights_path(model, "f16")), str(out)],
            check=True,
            stdout=subprocess.DEVNULL,
        )


def _quantise_here(source: str, out: str) -> None:
    library: Any = importlib.import_module("bark_cpp.bark_cpp")
    ggml: Any = importlib.import_module("bark_cpp._ggml")
    # Only a first context fills the tables that quantising needs.
    ggml.ggml_free(ggml.ggml_init(ggml.ggml_init_params(0, ctypes.c_void_p(None), False)))
    if not library.bark_model_quantize(
        source.encode(), out.encode(), library.GGML_FTYPE_MOSTLY_Q8_0
    ):
        raise RuntimeError(f"bark.cpp cannot quantise {source}")


if __name__ == "__main__":
    _quantise_here(*sys.argv[1:3])

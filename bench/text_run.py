"""A text of several sentences, spoken through the speech layer in a process of its own."""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from bench.contenders import barkstream_contender
from bench.measurement import current_memory_mb, forget_peak_memory, peak_memory_mb
from bench.task import SEED, SEMANTIC_RATE_HZ

SENTENCES = (
    "The train to the coast leaves at nine.",
    "Nobody had told the driver about the snow.",
    "We waited for an hour in the little station.",
    "Somebody made tea and passed the cups around.",
    "Then the lights went out along the whole line.",
    "In the end we walked home through the fields.",
)
NOISE = "noise"


@dataclass(frozen=True, slots=True)
class TextTask:
    """What to speak, and how.

    Attributes:
        checkpoint: Directory of ``random_bark``, or "noise".
        contender: Windows and back end, such as "low-latency/onnx".
        sentences: Length of the text. Every sentence is an utterance.
        sentence_s: Length of the audio of each; its number of semantic tokens is forced to match.
        slots: Of the engine: with more than one the next utterances are made ahead.
        threads: Of the CPU.
    """

    checkpoint: str
    contender: str
    sentences: int
    sentence_s: float
    slots: int
    threads: int

    @property
    def text(self) -> str:
        """The sentences, again and again."""
        return " ".join(SENTENCES[number % len(SENTENCES)] for number in range(self.sentences))


@dataclass(frozen=True, slots=True)
class TextMeasurement:
    """One text after a warm-up.

    Attributes:
        sentences: Utterances that were spoken.
        audio_s: Length of the audio, pauses included.
        first_audio_s: From the text to the first samples.
        total_s: From the text to the last samples.
        peak_memory_mb: Most memory held while it was spoken.
        final_memory_mb: Memory held after it.
    """

    sentences: int
    audio_s: float
    first_audio_s: float
    total_s: float
    peak_memory_mb: float
    final_memory_mb: float

    @property
    def realtime_factor(self) -> float:
        """Seconds of work for a second of audio."""
        return self.total_s / self.audio_s


def measure_text(task: TextTask) -> TextMeasurement:
    """Speak in a fresh process.

    Raises:
        CalledProcessError: It failed; it has said why on the terminal.
    """
    with tempfile.TemporaryDirectory() as scratch:
        answer = Path(scratch) / "measurement.json"
        subprocess.run(
            [sys.executable, "-m", "bench.text_run", json.dumps(asdict(task)), str(answer)],
            check=True,
            stdout=sys.stderr,
        )
        return TextMeasurement(**json.loads(answer.read_text()))


def _speak(task: TextTask) -> TextMeasurement:
    # Imported here: whoever only starts this process needs no engine.
    from bark_core.backends.registry import BackendSpec  # noqa: PLC0415
    from bark_core.checkpoints import open_checkpoint  # noqa: PLC0415
    from bark_core.engine.thread import ThreadEngine  # noqa: PLC0415
    from bark_core.speech import ContextCompleted, SpeechFrontend, speak  # noqa: PLC0415
    from bark_core.speech.settings import NamedVoice  # noqa: PLC0415
    from bark_core.text.base import SegmentLimits  # noqa: PLC0415
    from bench.random_voice import random_voice  # noqa: PLC0415

    contender = barkstream_contender(task.contender)
    checkpoint = open_checkpoint(task.checkpoint, offline=True)
    frontend = SpeechFrontend(checkpoint)
    options = replace(
        frontend.defaults,
        windows=contender.windows,
        forced_semantic_tokens=math.ceil(task.sentence_s * SEMANTIC_RATE_HZ),
    )
    settings = frontend.settings(
        voice="" if task.checkpoint == NOISE else NamedVoice("random", random_voice()),
        seed=SEED,
        options=options,
        utterances_ahead=task.slots,
        # The random models' tokenizers make many tokens of a word: no sentence is cut or joined.
        segmentation=SegmentLimits(
            max_tokens=checkpoint.config.semantic.max_text_tokens, min_tokens=0
        ),
    )
    spec = BackendSpec(
        checkpoint=checkpoint,
        backend=contender.backend,
        device="cpu",
        slots=task.slots,
        threads=task.threads,
        dtype=contender.dtype,
    )
    engine = ThreadEngine(spec, checkpoint.config)
    try:
        engine.start()
        for _ in speak(engine, frontend, SENTENCES[0], settings):
            pass
        forget_peak_memory()
        for event in speak(engine, frontend, task.text, settings):
            end = event  # No list of them: it would hold all the audio.
        assert isinstance(end, ContextCompleted)
        assert end.timing.first_audio_s is not None
        return TextMeasurement(
            sentences=end.usage.utterances,
            audio_s=end.timing.audio_s,
            first_audio_s=end.timing.first_audio_s,
            total_s=end.timing.total_s,
            peak_memory_mb=peak_memory_mb(),
            final_memory_mb=current_memory_mb(),
        )
    finally:
        engine.close()


def main() -> None:
    """Speak the task given as JSON; write the measurement to a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task")
    parser.add_argument("answer", type=Path)
    args = parser.parse_args()
    args.answer.write_text(json.dumps(asdict(_speak(TextTask(**json.loads(args.task))))))


if __name__ == "__main__":
    main()

"""Draw what the pipeline made: spectrograms of one sentence, and the training curves.

    python -m training.pictures --root DIR --checkpoint embedded --to docs/voice

Needs matplotlib.
"""

import argparse
import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.pyplot import NO_PLOT, open_pyplot
from bench.quality.way import Way, speaking
from training import corpus, speak, tokenised
from training.codec.features import log_mel
from training.export import VOICE_NAMES
from training.synthesise import HELD_OUT_FOLDER

# Names of what is drawn, and where the axis ends: the first steps are far above.
_CURVES = {
    "semantic": (("phones", "held_out_phones", "reading_phones"), 1.0),
    "coarse": (("missed", "held_out_missed", "risk", "held_out_risk"), 0.3),
    "fine": (("book_2", "held_out_2", "book_4", "held_out_4"), 1.1),
    "decoder": (("log", "linear", "phase"), 0.7),
}


def curve(lines: Sequence[dict[str, float]], name: str) -> tuple[list[int], list[float]]:
    """Steps and values of one loss."""
    points = [(int(line["step"]), line[name]) for line in lines if name in line]
    return [step for step, _ in points], [value for _, value in points]


async def renderings(
    root: Path, checkpoint: str, voice: int, place: int
) -> tuple[str, dict[str, np.ndarray]]:
    """A held-out sentence, and its audio by name: teacher, codec, exact and streamed.

    Args:
        root: of the pipeline.
        checkpoint: what the server shall load.
        voice: index into `corpus.VOICES`.
        place: of the sentence among those held out.
    """
    name = f"shard-{corpus.VOICES[voice]}.npz"
    row = tokenised.read(root / "tokens" / HELD_OUT_FOLDER / name)[place]
    spoken = {u.text: u.audio for u in corpus.read_shard(root / HELD_OUT_FOLDER / name)}
    result = {
        "teacher": spoken[row.text].astype(np.float32) / 32768,
        "its codes, decoded": speak.render(speak.open_speaker(root), row.codes),
    }
    for title, way in (
        ("exact windows, float32", "exact/float32"),
        ("low-latency windows, int8, streamed", "low-latency/int8"),
    ):
        async with speaking(Way.of(way), checkpoint) as say:
            audio = await say(row.text, VOICE_NAMES[voice], 7)
        if audio is None:
            raise RuntimeError(f"the server did not speak {row.text!r}")
        result[title] = audio
    return row.text, result


def _draw_spectrograms(pyplot: Any, path: Path, text: str, audio: dict[str, np.ndarray]) -> None:
    figure, panels = pyplot.subplots(
        len(audio), 1, figsize=(10, 2.1 * len(audio)), layout="constrained", sharex=True
    )
    for axes, (title, samples) in zip(panels, audio.items(), strict=True):
        mel = log_mel(samples).T
        axes.imshow(
            mel,
            origin="lower",
            aspect="auto",
            extent=(0, mel.shape[1] / 75, 0, len(mel)),
            vmin=-4,
            vmax=3,
        )
        axes.set(title=title, ylabel="mel band")
    panels[-1].set(xlabel="s")
    figure.suptitle(text)
    figure.savefig(path, dpi=80)
    pyplot.close(figure)


def _draw_curves(pyplot: Any, path: Path, folder: Path) -> None:
    figure, panels = pyplot.subplots(2, 2, figsize=(11, 7), layout="constrained")
    for axes, (stage, (names, top)) in zip(panels.flat, _CURVES.items(), strict=True):
        text = (folder / f"{stage}.jsonl").read_text("utf-8")
        lines = [json.loads(line) for line in text.splitlines()]
        for name in names:
            axes.plot(*curve(lines, name), label=name, linewidth=1)
        axes.set(title=stage, xlabel="step", ylim=(0, top))
        axes.grid(visible=True, alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=80)
    pyplot.close(figure)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line of this step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--checkpoint", default="embedded")
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--voice", type=int, default=1, help="0: the woman, 1: the man")
    parser.add_argument("--sentence", type=int, default=0, help="of those held out")
    options = parser.parse_args(arguments)
    pyplot = open_pyplot()
    if pyplot is None:
        parser.error(NO_PLOT)
    options.to.mkdir(parents=True, exist_ok=True)
    text, audio = asyncio.run(
        renderings(options.root, options.checkpoint, options.voice, options.sentence)
    )
    _draw_spectrograms(pyplot, options.to / "spectrograms.png", text, audio)
    _draw_curves(pyplot, options.to / "curves.png", options.root / "checkpoints")


if __name__ == "__main__":
    main()

"""What benchmarks of whole texts tell: a table, a JSON file and a picture."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.machine import machine
from bench.pyplot import NO_PLOT, open_pyplot
from bench.text_run import TextMeasurement

TextRuns = Mapping[str, Sequence[TextMeasurement]]
"""Contender -> one measurement for each round."""

Figure = Callable[[TextMeasurement], float]
FIGURES: dict[str, Figure] = {
    "audio s": lambda run: run.audio_s,
    "first audio s": lambda run: run.first_audio_s,
    "real-time factor": lambda run: run.realtime_factor,
    "peak memory MB": lambda run: run.peak_memory_mb,
    "memory at the end MB": lambda run: run.final_memory_mb,
}


def text_table(runs: TextRuns) -> str:
    """Medians of the rounds."""
    lines = [f"| {' | '.join(('', *FIGURES))} |", "|---" * (len(FIGURES) + 1) + "|"]
    for name, rounds in runs.items():
        cells = [f"{_median(rounds, figure):.2f}" for figure in FIGURES.values()]
        lines.append(f"| {' | '.join((name, *cells))} |")
    return "\n".join(lines)


def write_text_json(path: Path, settings: dict[str, Any], runs: TextRuns) -> None:
    """All figures, for programs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figures = {
        name: [asdict(run) | {"realtime_factor": run.realtime_factor} for run in rounds]
        for name, rounds in runs.items()
    }
    result = {"machine": machine(), "settings": settings, "runs": figures}
    path.write_text(json.dumps(result, indent=2) + "\n")


def plot_growth(path: Path, title: str, runs: TextRuns) -> str:
    """Draw every figure against the length of the audio.

    Returns:
        What was done, or why not.
    """
    pyplot = open_pyplot()
    if pyplot is None:
        return NO_PLOT
    panels = (("first audio s",), ("real-time factor",), ("peak memory MB", "memory at the end MB"))
    figure, all_axes = pyplot.subplots(3, 1, figsize=(8, 9), sharex=True, layout="constrained")
    figure.suptitle(title)
    lengths_s = [_median(rounds, FIGURES["audio s"]) for rounds in runs.values()]
    for axes, names in zip(all_axes, panels, strict=True):
        for name in names:
            values = [_median(rounds, FIGURES[name]) for rounds in runs.values()]
            axes.plot(lengths_s, values, "o-", label=name)
        axes.margins(y=0.15)
        axes.set_ylim(bottom=0)
        axes.grid(visible=True, alpha=0.3)
        axes.legend()
    all_axes[-1].set(xlabel="s of audio", xlim=(0, None))
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
    return f"plot: {path}"


def _median(rounds: Sequence[TextMeasurement], figure: Figure) -> float:
    return statistics.median(figure(run) for run in rounds)

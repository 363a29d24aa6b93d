"""A picture of a load run, where matplotlib is installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.call_records import RunRecord
from bench.load_figures import first_audio_waits_s, listening_levels
from bench.pyplot import NO_PLOT, open_pyplot


def plot(path: Path, runs: dict[str, list[RunRecord]]) -> str:
    """Draw listeners over time with every underrun, and the spread of first audio.

    Returns:
        What was done, or why not.
    """
    pyplot = open_pyplot()
    if pyplot is None:
        return NO_PLOT
    figure, (over_time, spread) = pyplot.subplots(2, 1, figsize=(9, 8), layout="constrained")
    for name, rounds in runs.items():
        for number, run in enumerate(rounds, 1):
            label = f"{name}, round {number}"
            _draw_listeners(over_time, run, label)
            waits_s = sorted(first_audio_waits_s(run))
            share = [(rank + 1) / len(waits_s) for rank in range(len(waits_s))]
            spread.step(waits_s, share, where="post", label=label)
    over_time.set(xlabel="s", ylabel="listeners at once (x: underrun)")
    spread.set(xlabel="s from a text to its first audio", ylabel="share of texts", ylim=(0, 1.02))
    for axes in (over_time, spread):
        axes.grid(visible=True, alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
    return f"plot: {path}"


def _draw_listeners(axes: Any, run: RunRecord, label: str) -> None:
    over_time = listening_levels(run)
    steps = [(0.0, 0)]
    for level in over_time:
        if level.start_s > steps[-1][0]:
            steps.append((level.start_s, level.listeners))
        else:
            steps[-1] = (level.start_s, level.listeners)
        steps.append((level.end_s, 0))
    line = axes.step(*zip(*steps, strict=True), where="post", label=label)[0]
    marks = [
        (underrun.start_s, level.listeners)
        for caller in run.callers
        for turn in caller.turns
        for underrun in turn.clock.underruns
        for level in over_time
        if level.start_s <= underrun.start_s < level.end_s
    ]
    if marks:
        axes.plot(*zip(*marks, strict=True), "x", color=line.get_color())

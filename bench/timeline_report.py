"""The timelines of a comparison: a JSON file, and a picture for each of barkstream's contenders."""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from bark_core.checkpoints import open_checkpoint
from bench.contenders import barkstream_contender
from bench.first_audio_report import Runs
from bench.machine import machine
from bench.measurement import Measurement
from bench.random_voice import random_voice
from bench.timeline import Timeline, timeline_of
from bench.timeline_plot import plot_timeline


def timelines_of(runs: Runs, model: Path) -> dict[str, Timeline]:
    """One for each contender whose batches are known: that of its median round.

    Args:
        runs: All rounds.
        model: Directory of the weights that spoke.
    """
    config, voice = open_checkpoint(str(model), offline=True).config, random_voice()
    return {
        name: timeline_of(_median_run(rounds), barkstream_contender(name).windows, config, voice)
        for name, rounds in runs.items()
        if rounds[0].batches
    }


def write_timelines(output: Path, timelines: dict[str, Timeline]) -> list[str]:
    """Write ``NAME.timelines.json`` and ``NAME.CONTENDER.png`` beside the figures ``NAME.json``.

    Returns:
        What was written, or why not.
    """
    path = output.with_suffix(".timelines.json")
    everything = {name: asdict(timeline) for name, timeline in timelines.items()}
    path.write_text(json.dumps({"machine": machine(), "timelines": everything}) + "\n")
    notes = [f"timelines: {path}"]
    for name, timeline in timelines.items():
        file_name = re.sub(r"[^\w.=-]+", "-", name)
        notes.append(plot_timeline(output.with_suffix(f".{file_name}.png"), name, timeline))
    return notes


def _median_run(rounds: Sequence[Measurement]) -> Measurement:
    middle_s = statistics.median_low(run.total_s for run in rounds)
    return next(run for run in rounds if run.total_s == middle_s)

"""What a comparison tells: tables on the terminal and a JSON file."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.contenders import TRANSFORMERS
from bench.machine import machine
from bench.measurement import Measurement

Runs = dict[str, list[Measurement]]
"""Contender -> one measurement for each round."""

COLUMNS = (
    *("audio s", "first audio s", "total s", "real-time factor"),
    *("first audio, ratio", "total, ratio", "peak memory MB"),
)

Figure = Callable[[Measurement], float]


def table(runs: Runs) -> str:
    """Medians of each figure; ratios against transformers round by round, their median."""
    lines = [f"| {' | '.join(('', *COLUMNS))} |", "|---" * (len(COLUMNS) + 1) + "|"]
    peer = runs.get(TRANSFORMERS)
    for name, rounds in runs.items():
        lines.append(
            f"| {name} | {_median(rounds, lambda run: run.audio_s):.2f} "
            f"| {_median(rounds, lambda run: run.first_audio_s):.2f} "
            f"| {_median(rounds, lambda run: run.total_s):.2f} "
            f"| {_median(rounds, lambda run: run.realtime_factor):.2f} "
            f"| {_ratio(rounds, peer, lambda run: run.first_audio_s)} "
            f"| {_ratio(rounds, peer, lambda run: run.total_s)} "
            f"| {_median(rounds, lambda run: run.peak_memory_mb):.0f} |"
        )
    return "\n".join(lines)


def stage_table(runs: Runs) -> str:
    """What each stage took: medians of the rounds. "outside": between the model's calls."""
    lines = ["| | stage | calls | total ms | one call ms | share |", "|---|---|---|---|---|---|"]
    for name, rounds in runs.items():
        whole_ms = _median(rounds, lambda run: 1000 * run.total_s)
        for stage in rounds[0].stages:
            figures = [run.stages[stage] for run in rounds]
            count = statistics.median(figure.count for figure in figures)
            total_ms = statistics.median(figure.total_ms for figure in figures)
            median_ms = statistics.median(figure.median_ms for figure in figures)
            lines.append(
                f"| {name} | {stage} | {count:.0f} | {total_ms:.0f} | {median_ms:.2f} "
                f"| {total_ms / whole_ms:.1%} |"
            )
        outside_ms = _median(rounds, outside_ms_of)
        lines.append(f"| {name} | outside | | {outside_ms:.0f} | | {outside_ms / whole_ms:.1%} |")
    return "\n".join(lines)


def outside_ms_of(run: Measurement) -> float:
    """Time of an utterance that none of its stages took."""
    return 1000 * run.total_s - sum(figures.total_ms for figures in run.stages.values())


def write_json(path: Path, settings: dict[str, Any], runs: Runs) -> None:
    """All figures, for programs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figures = {name: [_figures(run) for run in rounds] for name, rounds in runs.items()}
    result = {"machine": machine(), "settings": settings, "runs": figures}
    path.write_text(json.dumps(result, indent=2) + "\n")


def _figures(run: Measurement) -> dict[str, Any]:
    figures = asdict(run) | {"realtime_factor": run.realtime_factor}
    del figures["batches"], figures["chunks"]
    return figures


def _median(rounds: Sequence[Measurement], figure: Figure) -> float:
    return statistics.median(figure(run) for run in rounds)


def _ratio(rounds: Sequence[Measurement], peer: Sequence[Measurement] | None, of: Figure) -> str:
    if not peer:
        return "-"
    pairs = zip(rounds, peer, strict=True)
    return f"1/{1 / statistics.median(of(run) / of(other) for run, other in pairs):.2f}"

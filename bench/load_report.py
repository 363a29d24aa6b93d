"""What a load run tells: a table on the terminal and a JSON file."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from barkstream_client import ModelInfo
from bench.load_figures import LoadFigures
from bench.machine import machine

# Ratios of several slots to one slot, round by round: (figure, whether less is better).
COMPARED = (
    ("audio_s_per_s", False),
    ("listening_mean", False),
    ("listening_sustained", False),
    ("first_audio_p50_s", True),
    ("first_audio_p95_s", True),
    ("turned_away", True),
)

Figures = dict[str, list[LoadFigures]]
"""Contender -> one set of figures for each round."""


def model_note(asked_for: str, model: ModelInfo) -> str:
    """Which model spoke, and whether that was speech."""
    note = f"{model.name} on {model.backend} ({model.device}, {model.dtype})"
    if not model.is_noise:
        return note
    if asked_for == model.name:
        return f"{note}: the noise model; its speeds say nothing about a real voice"
    return (
        f"{note}: no checkpoint {asked_for!r} is shipped, so the server fell back to the noise "
        "model; its speeds say nothing about a real voice"
    )


def ratios(many: Sequence[LoadFigures], one: Sequence[LoadFigures]) -> dict[str, float | None]:
    """How many times better several slots were, median of the rounds; None: not to be told."""
    result: dict[str, float | None] = {}
    for name, less_is_better in COMPARED:
        pairs = [(getattr(a, name), getattr(b, name)) for a, b in zip(many, one, strict=True)]
        if less_is_better:
            pairs = [(b, a) for a, b in pairs]
        quotients = [above / below for above, below in pairs if above is not None and below]
        result[name] = statistics.median(quotients) if len(quotients) == len(pairs) else None
    return result


def table(figures: Figures) -> str:
    """One row for each figure, one column for each contender and round."""
    columns = [
        (f"{name}, round {number}" if len(rounds) > 1 else name, asdict(round_figures))
        for name, rounds in figures.items()
        for number, round_figures in enumerate(rounds, 1)
    ]
    lines = [
        "| | " + " | ".join(name for name, _ in columns) + " |",
        "|---" * (len(columns) + 1) + "|",
    ]
    lines += [
        f"| {field.name} | " + " | ".join(_cell(values[field.name]) for _, values in columns) + " |"
        for field in fields(LoadFigures)
    ]
    return "\n".join(lines)


def ratio_table(values: dict[str, float | None]) -> str:
    """The ratios of a comparison."""
    lines = ["| times better than one at a time | median of the rounds |", "|---|---|"]
    lines += [f"| {name} | {_cell(value)} |" for name, value in values.items()]
    return "\n".join(lines)


def write_json(
    path: Path,
    settings: dict[str, Any],
    model: str,
    figures: Figures,
    compared: dict[str, float | None] | None,
) -> None:
    """Everything, for programs."""
    result = {
        "machine": machine(),
        "settings": settings,
        "model": model,
        "runs": {name: [asdict(one) for one in rounds] for name, rounds in figures.items()},
        "times_better_than_one_at_a_time": compared,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n")


def _cell(value: float | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.3f}"

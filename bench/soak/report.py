"""What a soak tells: lines on the terminal, a JSON file, and a picture of memory."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.machine import machine
from bench.pyplot import NO_PLOT, open_pyplot
from bench.soak.quiet import Quiet, growth
from bench.soak.storm import Sample


@dataclass(slots=True)
class Soak:
    """A run.

    Attributes:
        model: What spoke.
        calls: Calls made.
        wall_s: Of the storm, quiet moments included.
        engine_kills: Engines killed on purpose.
        compared: Calls made alone before and after.
        quiet: Before the first lap and after each; engines are killed after the last but one.
        samples: Memory during the storm.
        ends: How calls ended, by kind.
        problems: What is wrong; empty: nothing.
    """

    model: str
    calls: int
    wall_s: float
    engine_kills: int
    compared: int
    quiet: list[Quiet]
    samples: list[Sample]
    ends: dict[str, int]
    problems: list[str]


def text(soak: Soak) -> str:
    """For people."""
    lines = [
        f"Model: {soak.model}",
        f"{soak.calls} calls in {soak.wall_s:.0f} s, {soak.engine_kills} engines killed",
        "",
        "| call: how it ended | calls |",
        "|---|---|",
        *(f"| {end} | {count} |" for end, count in sorted(soak.ends.items())),
        "",
        "| quiet after | server MiB | engine MiB | caller MiB | server files | engine files |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {quiet.calls} | {quiet.look.server.rss_mib:.1f} | {quiet.look.engine.rss_mib:.1f} "
        f"| {quiet.client_rss_mib:.1f} | {len(quiet.look.server.files)} "
        f"| {len(quiet.look.engine.files)} |"
        for quiet in soak.quiet
    ]
    lines += ["", *(f"PROBLEM: {problem}" for problem in soak.problems)]
    return "\n".join(lines) + ("" if soak.problems else "No problem was found.")


def memory_problems(quiet: Sequence[Quiet], most: float) -> list[str]:
    """Growth from the first lap's end on, beyond ``most``, by process.

    Args:
        quiet: Before the first lap and after each; of the last one the engine is a new one.
        most: Largest growth; 0.05 is five per cent.
    """
    warm, old_engine, last = quiet[1], quiet[-2], quiet[-1]
    grown = {
        "server": growth(warm.look.server.rss_mib, last.look.server.rss_mib),
        "engine": growth(warm.look.engine.rss_mib, old_engine.look.engine.rss_mib),
        "caller": growth(warm.client_rss_mib, last.client_rss_mib),
    }
    return [
        f"memory of the {name} grew by {share:.1%} after the first lap"
        for name, share in grown.items()
        if share > most
    ]


def write_json(path: Path, settings: dict[str, Any], soak: Soak) -> None:
    """For programs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps({"machine": machine(), "settings": settings, **asdict(soak)}, indent=1) + "\n"
    )


def plot(path: Path, soak: Soak) -> str:
    """Draw memory over calls, where matplotlib is installed; -> what was done, or why not."""
    pyplot = open_pyplot()
    if pyplot is None:
        return NO_PLOT
    figure, axes = pyplot.subplots(figsize=(9, 5), layout="constrained")
    calls = [sample.calls for sample in soak.samples]
    server = axes.plot(calls, [s.server_rss_mib for s in soak.samples], label="server")[0]
    engine = axes.plot(calls, [s.engine_rss_mib for s in soak.samples], label="engine")[0]
    at = [quiet.calls for quiet in soak.quiet]
    axes.plot(at, [q.look.server.rss_mib for q in soak.quiet], "o", color=server.get_color())
    axes.plot(at, [q.look.engine.rss_mib for q in soak.quiet], "o", color=engine.get_color())
    axes.set(xlabel="calls (dots: quiet)", ylabel="resident memory, MiB")
    axes.set_ylim(bottom=0)
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
    return f"plot: {path}"

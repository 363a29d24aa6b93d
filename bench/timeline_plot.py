"""A picture of one utterance in time, where matplotlib is installed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.pyplot import NO_PLOT, open_pyplot
from bench.timeline import TimedBatch, Timeline

STAGES = ("semantic", "coarse", "fine", "codec")
STEPS = frozenset({"semantic_step", "coarse_step"})
COLOURS = {"semantic": "#4477aa", "coarse": "#228833", "fine": "#ccbb44", "codec": "#ee6677"}
GAP_COLOUR = "#bbbbbb"


def plot_timeline(path: Path, title: str, timeline: Timeline) -> str:
    """Draw when the model was busy with what, and what was made and heard when.

    Args:
        path: PNG or SVG.
        title: Who spoke.
        timeline: Of one utterance.

    Returns:
        What was done, or why not.
    """
    pyplot = open_pyplot()
    if pyplot is None:
        return NO_PLOT
    figure, (busy, places) = pyplot.subplots(
        2, 1, figsize=(11, 8), sharex=True, height_ratios=(2, 5), layout="constrained"
    )
    audio_s = timeline.chunks[-1].audio_end_s
    figure.suptitle(
        f"{title}: {audio_s:.2f} s of audio, first audio after {timeline.first_audio_s:.2f} s, "
        f"last after {timeline.chunks[-1].made_s:.2f} s, silent in between "
        f"{timeline.gaps_s:.2f} s"
    )
    _draw_busy(busy, timeline.batches)
    _draw_places(places, timeline)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
    return f"plot: {path}"


def _stage(batch: TimedBatch) -> str:
    return batch.stage.partition("_")[0]


def _draw_busy(axes: Any, batches: Sequence[TimedBatch]) -> None:
    """A lane for each stage; what is no single step (prefills, passes, decodes) is darker."""
    for lane, stage in enumerate(reversed(STAGES)):
        own = [batch for batch in batches if _stage(batch) == stage]
        for steps, alpha in ((True, 0.45), (False, 1.0)):
            spans = [
                (batch.start_s, batch.end_s - batch.start_s)
                for batch in own
                if (batch.stage in STEPS) is steps
            ]
            axes.broken_barh(spans, (lane - 0.4, 0.8), color=COLOURS[stage], alpha=alpha, lw=0)
    axes.set_yticks(range(len(STAGES)), reversed(STAGES))
    axes.set_title("the model at work (pale: single steps)", fontsize="medium", loc="left")
    axes.grid(visible=True, axis="x", alpha=0.3)


def _draw_places(axes: Any, timeline: Timeline) -> None:
    """How far into the utterance each stage had got, and what the listener heard."""
    for stage in STAGES[:3]:
        own = [batch for batch in timeline.batches if _stage(batch) == stage]
        moments = [0.0, *(batch.end_s for batch in own)]
        reached = [0.0, *(batch.audio_end_s for batch in own)]
        axes.step(moments, reached, where="post", color=COLOURS[stage], label=f"{stage} made")
    chunks = timeline.chunks
    axes.vlines(
        [chunk.made_s for chunk in chunks],
        [chunk.audio_start_s for chunk in chunks],
        [chunk.audio_end_s for chunk in chunks],
        color=COLOURS["codec"],
        lw=3,
        label="audio made, chunk by chunk",
    )
    for number, chunk in enumerate(chunks):
        length_s = chunk.audio_end_s - chunk.audio_start_s
        axes.plot(
            (chunk.heard_s, chunk.heard_s + length_s),
            (chunk.audio_start_s, chunk.audio_end_s),
            color="black",
            lw=1.5,
            label=None if number else "heard, begun at the first audio",
        )
        if chunk.gap_s > 0:
            axes.plot(
                (chunk.due_s, chunk.heard_s),
                (chunk.audio_start_s, chunk.audio_start_s),
                color="black",
                ls=":",
                lw=1.5,
            )
            axes.axvspan(chunk.due_s, chunk.heard_s, color=GAP_COLOUR, alpha=0.35, lw=0)
    end_s = chunks[-1].audio_end_s
    axes.plot(
        (timeline.gapless_start_s, timeline.gapless_start_s + end_s),
        (0, end_s),
        color="black",
        ls="--",
        lw=1,
        label=f"heard without a gap, begun at {timeline.gapless_start_s:.2f} s",
    )
    axes.set(xlabel="s since the request (grey: the listener waits)", ylabel="s of the utterance")
    axes.set_title("how far into the utterance", fontsize="medium", loc="left")
    axes.grid(visible=True, alpha=0.3)
    axes.legend(loc="upper left")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)

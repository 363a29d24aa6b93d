"""Timelines: when parts of an utterance were made, and when they had to be heard."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from bark_core.checkpoints import open_checkpoint
from bark_core.options import ExactWindows, LowLatencyWindows
from bench.measurement import Chunk, Measurement
from bench.random_voice import random_voice
from bench.recording import BatchRecord
from bench.timeline import HeardChunk, Timeline, timeline_of
from bench.timeline_plot import plot_timeline

CONFIG = open_checkpoint("noise").config
HOP = CONFIG.hop_samples


def a_run(*batches: BatchRecord, chunks: tuple[Chunk, ...]) -> Measurement:
    return Measurement(
        audio_s=chunks[-1].end_s,
        first_audio_s=chunks[0].made_s,
        total_s=chunks[-1].made_s,
        peak_memory_mb=1.0,
        stages={},
        batches=batches,
        chunks=chunks,
    )


def in_time(run: Measurement, windows: LowLatencyWindows | ExactWindows) -> Timeline:
    return timeline_of(run, windows, CONFIG, random_voice())


def test_a_late_chunk_is_waited_for() -> None:
    chunks = (Chunk(1.0, 0.0, 0.5), Chunk(1.25, 0.5, 1.0), Chunk(3.0, 1.0, 2.0))
    timeline = in_time(a_run(chunks=chunks), LowLatencyWindows())
    assert timeline.chunks == (
        HeardChunk(1.0, 0.0, 0.5, due_s=1.0, heard_s=1.0, due_gapless_s=2.0),
        HeardChunk(1.25, 0.5, 1.0, due_s=1.5, heard_s=1.5, due_gapless_s=2.5),
        HeardChunk(3.0, 1.0, 2.0, due_s=2.0, heard_s=3.0, due_gapless_s=3.0),
    )
    assert timeline.gaps_s == 1.0
    assert timeline.gapless_start_s == 2.0
    assert timeline.first_audio_s == 1.0


def test_begun_at_the_gapless_start_nothing_is_late() -> None:
    chunks = tuple(Chunk(made, at, at + 1) for at, made in enumerate((0.5, 3.5, 3.75, 9.0)))
    timeline = in_time(a_run(chunks=chunks), LowLatencyWindows())
    lateness = [chunk.made_s - chunk.due_gapless_s for chunk in timeline.chunks]
    assert max(lateness) == 0


def test_places_of_batches() -> None:
    chunks = (Chunk(5.0, 0.0, 0.2), Chunk(9.0, 0.2, 1.0))
    windows = LowLatencyWindows(ramp_frames=(15, 60), fine_lookahead_frames=6)
    timeline = in_time(
        a_run(
            BatchRecord("semantic_prefill", 0.0, 1.0, 1, 1),
            BatchRecord("semantic_step", 1.0, 2.0, 1, 1),
            BatchRecord("coarse_prefill", 2.0, 3.0, 1, 1),
            BatchRecord("coarse_step", 3.0, 3.5, 1, 1),
            BatchRecord("fine_pass", 3.5, 4.0, 1, 21),
            BatchRecord("codec_decode", 4.0, 5.0, 1, 15 * HOP),
            BatchRecord("fine_pass", 5.0, 6.0, 1, 60),
            chunks=chunks,
        ),
        windows,
    )
    starts_s = [batch.audio_start_s for batch in timeline.batches]
    ends_s = [batch.audio_end_s for batch in timeline.batches]
    assert starts_s == pytest.approx([0, 1 / 49.9, 0, 0.5 / 75, 0, 0, 0.2])
    # The first fine pass has not got as far as it looked ahead.
    assert ends_s == pytest.approx([1 / 49.9, 2 / 49.9, 0.5 / 75, 1 / 75, 0.2, 0.2, 1.0])
    # The second chunk begins at 0.2 s, when the first one has been heard.
    assert timeline.batches[-1].due_s == pytest.approx(5.2)
    assert timeline.batches[0].due_s == 5.0


def test_an_exact_pass_makes_everything_final() -> None:
    run = a_run(BatchRecord("fine_pass", 0.0, 1.0, 1, 1024), chunks=(Chunk(2.0, 0.0, 2.0),))
    (batch,) = in_time(run, ExactWindows()).batches
    assert (batch.audio_start_s, batch.audio_end_s) == (0.0, 2.0)


def test_without_matplotlib_there_is_no_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    timeline = in_time(a_run(chunks=(Chunk(1.0, 0.0, 0.5),)), ExactWindows())
    assert "matplotlib" in plot_timeline(tmp_path / "a.png", "a", timeline)
    assert not list(tmp_path.iterdir())


def test_a_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    run = a_run(
        BatchRecord("semantic_prefill", 0.0, 1.0, 1, 1),
        BatchRecord("codec_decode", 1.0, 2.0, 1, 15 * HOP),
        chunks=(Chunk(2.0, 0.0, 0.2), Chunk(4.0, 0.2, 1.0)),
    )
    path = tmp_path / "a.png"
    assert str(path) in plot_timeline(path, "a", in_time(run, LowLatencyWindows()))
    assert path.read_bytes().startswith(b"\x89PNG")

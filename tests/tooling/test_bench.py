"""The benchmarks run, and count what they say they count. Their figures here mean nothing."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from bench.contenders import peers
from tests.support.bench_process import PATIENCE_S, ROOT, run_bench

BUSY = pytest.mark.timeout(PATIENCE_S + 60)
ONE_THREAD = ("--threads", "1")  # those of several wait for each other where cores are busy


def printed_by(module: str, *arguments: str, cache: Path) -> str:
    return run_bench(module, *arguments, *ONE_THREAD, XDG_CACHE_HOME=str(cache)).stdout


@BUSY
@pytest.mark.slow
def test_first_audio(tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    arguments = ("--size", "tiny", "--seconds", "0.4", "--rounds", "1", "--output", str(out))
    printed = printed_by("bench.first_audio", *arguments, cache=tmp_path)
    runs = json.loads(out.read_text())["runs"]
    barkstream = ("exact/torch", "exact/onnx", "low-latency/torch", "low-latency/onnx")
    assert tuple(runs) == (*peers(), *barkstream)
    for name, (figures,) in runs.items():
        assert figures["audio_s"] == runs["transformers"][0]["audio_s"], name
        assert 0 < figures["first_audio_s"] <= figures["total_s"], name
        assert f"| {name} |" in printed
        in_stages_s = sum(stage["total_ms"] for stage in figures["stages"].values()) / 1000
        assert 0 < in_stages_s <= figures["total_s"], name
    assert set(runs["transformers"][0]["stages"]) == {"semantic", "coarse", "fine", "codec"}
    timelines = json.loads((tmp_path / "figures.timelines.json").read_text())["timelines"]
    assert tuple(timelines) == barkstream
    for name, timeline in timelines.items():
        assert timeline["chunks"][-1]["audio_end_s"] == runs[name][0]["audio_s"]
        counts = Counter(batch["stage"] for batch in timeline["batches"])
        assert counts == {
            stage: figures["count"] for stage, figures in runs[name][0]["stages"].items()
        }
        if importlib.util.find_spec("matplotlib"):
            assert (tmp_path / f"figures.{name.replace('/', '-')}.png").exists()


@BUSY
@pytest.mark.slow
def test_policies_side_by_side(tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    policy = "coarse_history_tokens=60,coarse_ramp_steps=30"
    arguments = ("--size", "tiny", "--seconds", "0.8", "--rounds", "1", "--without-peers")
    chosen = ("--backend", "torch", "--windows", "low-latency", "--windows", policy)
    printed_by("bench.first_audio", *arguments, *chosen, "--output", str(out), cache=tmp_path)
    runs = json.loads(out.read_text())["runs"]
    assert list(runs) == ["low-latency/torch", f"{policy}/torch"]
    (usual,), (short_windows,) = runs.values()
    assert usual["stages"]["coarse_prefill"]["count"] == 2
    assert short_windows["stages"]["coarse_prefill"]["count"] == 4


def test_who_does_not_exist_is_told_before_anything_is_measured() -> None:
    for arguments in (("--windows", "wide"), ("--windows", "ramp_frames=a"), ("--backend", "tpu")):
        done = subprocess.run(
            [sys.executable, "-m", "bench.first_audio", *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 2
        assert arguments[1] in done.stderr


@BUSY
@pytest.mark.slow
def test_growth(tmp_path: Path) -> None:
    out = tmp_path / "growth.json"
    arguments = ("--sentences", "1", "3", "--sentence-s", "0.4", "--output", str(out))
    printed = printed_by("bench.growth", *arguments, cache=tmp_path)
    runs = json.loads(out.read_text())["runs"]
    assert list(runs) == ["1 sentence", "3 sentences"]
    (one,), (three,) = runs.values()
    assert (one["sentences"], three["sentences"]) == (1, 3)
    assert three["audio_s"] > 3 * one["audio_s"]  # pauses
    for name, (figures,) in runs.items():
        assert 0 < figures["first_audio_s"] <= figures["total_s"], name
        assert 0 < figures["final_memory_mb"] <= figures["peak_memory_mb"], name
        assert f"| {name} |" in printed
    if importlib.util.find_spec("matplotlib"):
        assert out.with_suffix(".png").exists()


@BUSY
@pytest.mark.slow
def test_paragraph(tmp_path: Path) -> None:
    out = tmp_path / "paragraph.json"
    arguments = ("--size", "tiny", "--sentence-s", "0.4", "--contender", "low-latency/onnx")
    printed_by("bench.paragraph", *arguments, "--output", str(out), cache=tmp_path)
    (one,), *paragraphs = json.loads(out.read_text())["runs"].values()
    assert one["sentences"] == 1
    assert [run["sentences"] for (run,) in paragraphs] == [6, 6]

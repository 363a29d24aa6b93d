"""The benchmark runs. What it measures here means nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_first_audio(tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    arguments = ("--size", "tiny", "--seconds", "0.4", "--rounds", "1", "--output", str(out))
    done = subprocess.run(
        [sys.executable, "-m", "bench.first_audio", *arguments],
        cwd=ROOT,
        env=os.environ | {"XDG_CACHE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    runs = json.loads(out.read_text())["runs"]
    assert len(runs) == 5
    for name, (figures,) in runs.items():
        assert figures["audio_s"] == runs["transformers"][0]["audio_s"], name
        assert 0 < figures["first_audio_s"] <= figures["total_s"], name
        assert f"| {name} |" in done.stdout

"""ONNX Runtime reports nothing to its maker, and leaves no identifier on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("onnxruntime")

# Where one of these is set ONNX Runtime is silent anyway.
SUPPRESSING = ("CI", "ORT_RUNNING_UNIT_TESTS", "ORT_DISABLE_TELEMETRY", "ORT_TELEMETRY_DISABLED")


def files_after(statement: str, home: Path) -> set[str]:
    """What a fresh process leaves in its home and directory for temporary files."""
    home.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_CI")}
    environment = {name: value for name, value in kept.items() if name not in SUPPRESSING}
    for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        environment[name] = str(home)
    subprocess.run(
        [sys.executable, "-c", statement],
        env=environment | {"PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
        timeout=120,
    )
    return {path.name for path in home.rglob("*")}


def test_the_back_end_leaves_no_trace(tmp_path: Path) -> None:
    ours = "import bark_core.backends.onnx.session"
    assert files_after(ours, tmp_path / "home") == set()


def test_the_variable_is_set_before_the_library_is_loaded() -> None:
    look = (
        "import sys, os, importlib.abc\n"
        "class Watch(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'onnxruntime':\n"
        "            print('loading with', os.environ.get('ORT_DISABLE_TELEMETRY'))\n"
        "sys.meta_path.insert(0, Watch())\n"
        "import bark_core.backends.onnx.session\n"
    )
    environment = {k: v for k, v in os.environ.items() if k not in SUPPRESSING}
    done = subprocess.run(
        [sys.executable, "-c", look],
        env=environment | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout == "loading with 1\n"

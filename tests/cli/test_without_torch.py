"""A machine without torch, and without the ``onnx`` package, speaks all the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.make_golden import DIRECTORY as GOLDEN

# In every Python that starts, those of spawned processes included: importing one of these raises.
ABSENT = """
import sys
for name in ("torch", "onnx", "ml_dtypes", "transformers"):
    sys.modules[name] = None
"""
DROP_IN = """
import sys
from bark_core import generate_audio
from bark_core.api import preload_models
preload_models(checkpoint=sys.argv[1])
print(generate_audio("hello.", seed=1, silent=True).size)
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "sitecustomize.py").write_text(ABSENT)
    path = os.pathsep.join((str(tmp_path), *sys.path))
    return {**os.environ, "PYTHONPATH": path, "XDG_CACHE_HOME": str(tmp_path / "cache")}


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False, env=environment
    )


def test_torch_is_absent(environment: dict[str, str]) -> None:
    assert "ModuleNotFoundError" in run(environment, "-c", "import torch").stderr


@pytest.mark.parametrize("place", [(), ("--own-server",)])
def test_say(place: tuple[str, ...], environment: dict[str, str], tmp_path: Path) -> None:
    out = tmp_path / "out.wav"
    command = ("-m", "barkstream_server", "say", "hello.", "--seed", "3", "-o", str(out))
    first = run(environment, *command, "--checkpoint", str(GOLDEN), *place)
    assert first.returncode == 0, first.stderr
    assert "s of speech by tiny" in first.stderr
    spoken = out.read_bytes()
    assert len(spoken) > 1_000
    assert ("converting tiny to int8" in first.stderr) == (not place)
    (converted,) = (tmp_path / "cache" / "barkstream" / "onnx").glob("int8-*")
    again = run(environment, *command, "--checkpoint", str(GOLDEN), *place)
    assert again.returncode == 0, again.stderr
    assert "converting" not in again.stderr
    assert out.read_bytes() == spoken
    assert converted.is_dir()


def test_noise_is_announced(environment: dict[str, str], tmp_path: Path) -> None:
    command = ("-m", "barkstream_server", "say", "hello.", "-o", str(tmp_path / "out.wav"))
    done = run(environment, *command, "--checkpoint", "noise")
    assert done.returncode == 0, done.stderr
    assert "noise, not speech" in done.stderr


def test_doctor(environment: dict[str, str]) -> None:
    done = run(environment, "-m", "barkstream_server", "doctor", "--checkpoint", str(GOLDEN))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "onnx on cpu, int8; for the reference's tokens: --dtype float32" in done.stdout
    assert "check        speak: ok" in done.stdout


def test_drop_in(environment: dict[str, str], tmp_path: Path) -> None:
    done = run(environment, "-c", DROP_IN, str(GOLDEN))
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 1_000
    kept = (tmp_path / "cache" / "barkstream" / "onnx").glob("*-*")
    assert [path.name.split("-")[0] for path in kept] == ["float32"], "exact, as Suno's code"


def test_asking_for_torch_says_how_to_get_it(environment: dict[str, str], tmp_path: Path) -> None:
    command = ("-m", "barkstream_server", "say", "hello.", "-o", str(tmp_path / "out.wav"))
    done = run(environment, *command, "--checkpoint", "noise", "--backend", "torch")
    assert done.returncode == 1
    assert "pip install 'barkstream[torch]'" in done.stderr.splitlines()[-1]

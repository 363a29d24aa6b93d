"""What the doctor finds, on machines in good and in bad condition."""

from __future__ import annotations

import importlib.metadata
import importlib.resources
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import constants

from bark_core.config import LARGE, SMALL, published
from bark_core.doctor import DoctorReport, examine, goldens
from bark_core.voices import Voice
from tools.make_golden import DIRECTORY as GOLDEN


@pytest.fixture(autouse=True)
def empty_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No cache holds a checkpoint."""
    for name in ("hub", "cache"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("TORCH_HOME", raising=False)
    monkeypatch.delenv("BARKSTREAM_CHECKPOINT", raising=False)
    return tmp_path


@pytest.fixture(scope="module")
def golden_report() -> DoctorReport:
    return examine(str(GOLDEN), device="cpu")


def test_a_healthy_installation(golden_report: DoctorReport) -> None:
    assert golden_report.healthy
    assert golden_report.cores >= 1
    assert [check.name for check in golden_report.checks] == ["load", "speak"]
    assert "s of audio in" in golden_report.checks[1].detail
    assert golden_report.devices[0].name == "cpu"
    opened = golden_report.checkpoint
    assert (opened.name, opened.layers, opened.width) == ("tiny", (2, 2, 2), 16)
    assert (opened.voices, opened.default_voice) == (2, "v2/en_speaker_6")
    versions = {package.name: package.version for package in golden_report.packages}
    assert versions["torch"] == importlib.metadata.version("torch")


def test_a_missing_checkpoint_is_reported() -> None:
    report = examine("suno/bark", run_model=False)
    assert not report.healthy
    assert "is not (completely) in the cache" in report.checkpoint.problem
    assert report.checks == ()


def test_weights_that_compute_nonsense_are_reported(tmp_path: Path) -> None:
    directory = Path(shutil.copytree(GOLDEN, tmp_path / "broken"))
    (directory / "model.safetensors").write_bytes(b"")
    report = examine(str(directory), device="cpu")
    assert not report.healthy
    assert [check.passed for check in report.checks] == [False]
    assert "model.safetensors" in report.checks[0].detail


def test_a_device_that_is_not_there_is_reported() -> None:
    report = examine(str(GOLDEN), device="nonsense")
    assert not report.healthy
    assert "nonsense" in report.checks[0].detail


def test_a_missing_library_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    version = importlib.metadata.version

    def without(name: str) -> str:
        if name in ("tokenizers", "sounddevice"):
            raise importlib.metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(importlib.metadata, "version", without)
    report = examine(str(GOLDEN), run_model=False)
    missing = {package.name: package for package in report.packages if package.version is None}
    assert missing["tokenizers"].install == "pip install 'barkstream[server]'"
    assert not report.healthy


def test_checkpoints_are_found(empty_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = empty_machine / "hub"
    whole = hub / "models--suno--bark-small" / "snapshots" / ("0" * 40)
    shutil.copytree(GOLDEN, whole)
    cut = hub / "models--suno--bark" / "snapshots" / ("1" * 40)
    shutil.copytree(GOLDEN, cut)
    (cut / "model.safetensors").unlink()
    other = hub / "models--some--gpt" / "snapshots" / ("2" * 40)
    other.mkdir(parents=True)
    (other / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
    for snapshot in (whole, cut, other):
        refs = snapshot.parents[1] / "refs"
        refs.mkdir()
        (refs / "main").write_text(snapshot.name)
    suno = empty_machine / "cache" / "suno" / "bark_v0"
    suno.mkdir(parents=True)
    (suno / "text_2.pt").write_bytes(b"")
    monkeypatch.setenv("BARKSTREAM_CHECKPOINT", str(GOLDEN))
    found = {checkpoint.spec: checkpoint for checkpoint in examine(run_model=False).found}
    found.pop("embedded", None)
    assert found.keys() == {str(GOLDEN), "suno/bark-small", "suno/bark", str(suno)}
    assert found[str(GOLDEN)].problem == found["suno/bark-small"].problem == ""
    assert "holds no weights" in found["suno/bark"].problem
    assert "lacks the coarse model" in found[str(suno)].problem


def test_the_shipped_voice_is_found(empty_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(GOLDEN, empty_machine / "barkstream-tiny")
    monkeypatch.setattr(importlib.resources, "files", lambda _: empty_machine)
    found = examine(run_model=False).found
    assert [(one.spec, one.origin, one.problem) for one in found] == [("embedded", "package", "")]


def golden_tokens() -> Voice:
    """What the published weights would have made, as far as it is known."""
    fine = np.array(goldens.FINE, np.int64)
    return Voice(np.array(goldens.SEMANTIC), fine[:2], fine)


def test_goldens_accept_the_published_tokens_and_nothing_else() -> None:
    config = published("suno/bark", LARGE)
    assert goldens.apply_to(config)
    assert not goldens.apply_to(published("suno/bark-small", SMALL))
    made = golden_tokens()
    # Only sixteen coarse tokens are known; the fine rows hold them as well.
    assert goldens.COARSE_IDS[0] - 10_000 == goldens.FINE[0][0]
    assert goldens.COARSE_IDS[1] - 11_024 == goldens.FINE[1][0]
    assert [check.passed for check in goldens.compare(made, config)] == [True, True, True]
    for changed, failed in (
        (replace(made, semantic=made.semantic + 1), 0),
        (replace(made, semantic=made.semantic[:4]), 0),
        (replace(made, coarse=made.coarse + 1), 1),
        (replace(made, fine=made.fine[:, :3]), 2),
    ):
        results = goldens.compare(changed, config)
        assert [check.passed for check in results] == [i != failed for i in range(3)]
        assert "are equal. If these" in results[failed].detail


def test_known_tokens_are_compared_where_the_size_is_right(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The golden model is not the published one, and the doctor says so."""
    monkeypatch.setattr(goldens, "apply_to", lambda _: True)
    report = examine(str(GOLDEN), device="cpu")
    assert [check.passed for check in report.checks] == [True, True, True]
    assert "lacks the voice en_speaker_6" in report.checks[2].detail
    monkeypatch.setattr(goldens, "VOICE", "v2/en_speaker_6")
    report = examine(str(GOLDEN), device="cpu")
    assert [check.passed for check in report.checks] == [True, True, False, False, False]
    assert report.checks[4].name == "fine tokens of the published suno/bark"


def test_importing_the_doctor_does_not_import_torch() -> None:
    code = "import sys, bark_core.doctor; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

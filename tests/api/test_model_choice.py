"""Which model Suno's functions load, and when."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bark_core
from bark_core import api
from bark_core.config import TransformerConfig, published
from bark_core.drop_in.model_cache import ModelCache, ModelChoice
from bark_core.errors import CheckpointError, ConfigError
from tests.support import reference
from tests.support.checkpoint_files import write_suno_directory


class TestChoice:
    """Which checkpoint is meant."""

    def opened(self, monkeypatch: pytest.MonkeyPatch, choice: ModelChoice, **variables: str) -> str:
        seen: list[str] = []

        def remember(spec: str) -> Any:
            seen.append(spec)

        monkeypatch.setattr("bark_core.drop_in.model_cache.open_checkpoint", remember)
        choice.open(variables)
        return seen[0]

    def test_defaults(self, monkeypatch: pytest.MonkeyPatch) -> None:
        everything = frozenset(("semantic", "coarse", "fine"))
        named = ModelChoice(checkpoint="noise")
        small = ModelChoice(small=everything)  # type: ignore[arg-type]
        assert self.opened(monkeypatch, ModelChoice()) == "embedded"
        assert self.opened(monkeypatch, ModelChoice(), BARKSTREAM_CHECKPOINT="x/y") == "x/y"
        assert self.opened(monkeypatch, named, BARKSTREAM_CHECKPOINT="x/y") == "noise"
        assert self.opened(monkeypatch, small) == "suno/bark-small"
        assert (
            self.opened(monkeypatch, ModelChoice(), SUNO_USE_SMALL_MODELS="True")
            == "suno/bark-small"
        )
        with pytest.raises(ConfigError, match="mixed only in a directory with Suno's"):
            ModelChoice(small=frozenset({"fine"})).open({})

    def test_sizes_of_sunos_files(self, tmp_path: Path, golden_suno: Path) -> None:
        for suffix in ("", "_2"):
            for stem in ("text", "coarse", "fine"):
                (tmp_path / f"{stem}{suffix}.pt").symlink_to(golden_suno / f"{stem}.pt")
        for name in ("vocab.txt", "encodec_24khz-d7cc33bc.th"):
            (tmp_path / name).symlink_to(golden_suno / name)
        mixed = ModelChoice(checkpoint=str(tmp_path), small=frozenset({"coarse"}))
        weights: Any = mixed.open({}).weights
        assert [p.name for p in (weights.semantic, weights.coarse, weights.fine)] == [
            "text_2.pt",
            "coarse.pt",
            "fine_2.pt",
        ]
        (tmp_path / "coarse.pt").unlink()
        with pytest.raises(CheckpointError, match="lacks the coarse model"):
            mixed.open({})


@pytest.fixture(scope="module")
def golden_suno(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Suno's files; only what they declare of themselves is read here."""
    size = TransformerConfig(n_layer=1, n_head=1, n_embd=4)
    model = reference.make_random_hf_bark(published("suno", size), 1)
    directory = tmp_path_factory.mktemp("suno")
    write_suno_directory(directory, model)
    return directory


def test_preload_chooses_and_reloads(fresh_cache: ModelCache, tmp_path: Path) -> None:
    bark_core.preload_models()
    first = fresh_cache.get()
    assert first.checkpoint.name == "tiny"
    bark_core.preload_models()
    assert fresh_cache.get() is first
    bark_core.preload_models(force_reload=True)
    second = fresh_cache.get()
    assert second is not first
    bark_core.preload_models(False, False, False, False, False, False, False)
    assert fresh_cache.get().backend.info.device.startswith("cpu")
    api.preload_models(checkpoint="noise")
    assert fresh_cache.get().checkpoint.is_noise
    # What cannot be found leaves what is there.
    kept = fresh_cache.get()
    with pytest.raises(CheckpointError):
        api.preload_models(checkpoint=str(tmp_path))
    assert fresh_cache.get() is kept


@pytest.mark.usefixtures("fresh_cache")
def test_noise_is_announced(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "bark_core"):
        api.preload_models(checkpoint="noise")
    assert "noise, not speech" in caplog.text


def test_mixed_devices_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "bark_core"):
        bark_core.preload_models(codec_use_gpu=False)
    assert "cannot be spread over devices" in caplog.text


@pytest.mark.usefixtures("fresh_cache")
def test_the_noise_model_behaves_like_a_plausible_one() -> None:
    """It ends by itself after one to four seconds, and is audible without clipping."""
    api.preload_models(checkpoint="noise")
    for voice in (None, "v2/en_speaker_0"):
        audio = bark_core.generate_audio("Hello there, my friend.", voice, silent=True, seed=4)
        assert 1.0 < audio.size / bark_core.SAMPLE_RATE < 4.0
        assert 0.02 < audio.std() < 0.3
        assert np.abs(audio).max() < 1.0

"""The random model is the same everywhere and behaves like a plausible one."""

from __future__ import annotations

import importlib.resources
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

from bark_core.checkpoints import STAGES, open_checkpoint
from bark_core.checkpoints.opening import embedded_folder
from bark_core.voices import validate
from bark_core.weights import load_stage
from bark_core.weights.shapes import stage_shapes
from tools.make_golden import DIRECTORY as GOLDEN


def test_it_opens_without_files() -> None:
    checkpoint = open_checkpoint("noise")
    assert checkpoint.is_noise
    assert "noise" in checkpoint.notice
    assert len(pickle.dumps(checkpoint)) < 4096
    assert pickle.loads(pickle.dumps(checkpoint)) == checkpoint


def test_a_voice_is_shipped() -> None:
    checkpoint = open_checkpoint()
    assert not checkpoint.is_noise
    assert checkpoint.notice == ""
    assert len(checkpoint.voices().names()) >= 2
    folder = embedded_folder()
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 30e6
    assert {"README.md", "NOTICE"} <= {path.name for path in folder.iterdir()}


def test_without_one_embedded_is_noise_and_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(importlib.resources, "files", lambda _: tmp_path)
    checkpoint = open_checkpoint()
    assert checkpoint.is_noise
    assert "noise" in checkpoint.notice


def test_what_is_shipped_in_the_package_is_the_embedded_voice(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Where training/README.md exports to.
    shutil.copytree(GOLDEN, tmp_path / "barkstream-tiny")
    monkeypatch.setattr(importlib.resources, "files", lambda _: tmp_path)
    checkpoint = open_checkpoint()
    assert checkpoint.name == "embedded"
    assert not checkpoint.is_noise
    assert checkpoint.notice == ""
    assert load_stage(checkpoint, "codec")


def test_windows_are_those_of_the_published_model() -> None:
    config = open_checkpoint("noise").config
    assert config.semantic.max_text_tokens == 256
    assert config.coarse.max_history_tokens == 630
    assert config.coarse.window_steps == 60
    assert (config.fine.max_history_frames, config.fine.window_frames) == (512, 1024)


def test_weights_are_the_same_every_time() -> None:
    checkpoint = open_checkpoint("noise")
    for stage in STAGES:
        first, second = load_stage(checkpoint, stage), load_stage(checkpoint, stage)
        assert {n: t.shape for n, t in first.items()} == stage_shapes(checkpoint.config, stage)
        assert all(np.array_equal(first[name], second[name]) for name in first)
    # Philox is specified bit for bit: the same numbers on every machine.
    table = load_stage(checkpoint, "coarse")["input_embeds_layer.weight"]
    np.testing.assert_allclose(table[0, :3], [1.9762514, -1.7598614, 1.5797082], rtol=1e-6)


def test_voices_reach_the_shortest_start() -> None:
    checkpoint = open_checkpoint("noise")
    store = checkpoint.voices()
    assert store.names() == ("v2/en_speaker_0", "v2/en_speaker_1")
    assert store.default == checkpoint.default_voice == "v2/en_speaker_0"
    for name in store.names():
        voice = store.get(name)
        validate(voice, checkpoint.config)
        # 209 semantic tokens of history fill the coarse context (630 tokens).
        assert voice.semantic.size >= 210
        assert voice.coarse.shape[1] * 2 >= 630
    first, second = (store.get(name).fine for name in store.names())
    assert not np.array_equal(first, second)


@pytest.mark.parametrize(
    "text", ["Hello there.", "नमस्ते दुनिया", "你好世界。", "Привет, мир!", "♪ la la ♪ [laughs]"]
)
def test_tokenizer_counts_like_a_real_one(text: str) -> None:
    checkpoint = open_checkpoint("noise")
    ids = checkpoint.tokenizer().encode(text)
    assert 1 <= len(ids) <= len(text)
    assert ids == checkpoint.tokenizer().encode(text)
    semantic = checkpoint.config.semantic
    assert max(ids) + semantic.text_offset < semantic.text_pad_token

"""Voices by name."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bark_core.checkpoints import open_checkpoint
from bark_core.errors import CheckpointError, ConfigError, UnknownVoiceError
from bark_core.voices import NpzFile, Voice, VoiceStore, save_npz
from bark_core.voices.directories import find_npz_voices, find_voices
from bark_core.weights.export import write_voices
from tests.support.reference import random_voice
from tests.support.tiny import tiny_config

CONFIG = tiny_config()


def voice(seed: int) -> Voice:
    return random_voice(CONFIG, seed, n_semantic=30)


def store(*names: str) -> VoiceStore:
    return VoiceStore(CONFIG, {name: voice(seed) for seed, name in enumerate(names)})


def test_names_and_aliases() -> None:
    voices = store("v2/en_speaker_6", "en_speaker_1", "v2/en_speaker_1", "announcer")
    assert voices.names() == ("announcer", "en_speaker_1", "v2/en_speaker_1", "v2/en_speaker_6")
    assert voices.resolve("en_speaker_6") == "v2/en_speaker_6"
    assert voices.resolve("v2\\en_speaker_6") == "v2/en_speaker_6"
    # The first collection's voices are others than the second's of the same number.
    assert voices.resolve("en_speaker_1") == "en_speaker_1"
    assert voices.default is None


def test_unknown_names_get_suggestions() -> None:
    voices = store("v2/en_speaker_6", "v2/de_speaker_1", "announcer")
    with pytest.raises(UnknownVoiceError, match="'anouncer': the nearest names are announcer") as e:
        voices.get("anouncer")
    assert e.value.resource_name == "anouncer"
    with pytest.raises(UnknownVoiceError, match=r"v2/en_speaker_6"):
        voices.get("v2/en_speaker_9")
    with pytest.raises(UnknownVoiceError, match="nearest names are announcer, v2/de_speaker_1"):
        voices.get("☃" * 1000)
    with pytest.raises(UnknownVoiceError, match="has no voices"):
        VoiceStore(CONFIG, {}).get("announcer")


@given(name=st.text(max_size=30))
def test_no_name_opens_a_path(name: str) -> None:
    voices = VoiceStore(CONFIG, {"a": NpzFile(Path("/nonexistent/a.npz"))})
    if name in ("a", "v2/a"):
        return
    with pytest.raises(UnknownVoiceError):
        voices.get(name)


@pytest.mark.parametrize("name", ["../a", "/etc/passwd", "./a", "a/../a", "a.npz", "v2/../a"])
def test_traversal(name: str, tmp_path: Path) -> None:
    save_npz(tmp_path / "a.npz", voice(0))
    (tmp_path / "sub").mkdir()
    save_npz(tmp_path / "sub" / "b.npz", voice(0))
    voices = VoiceStore(CONFIG, find_npz_voices(tmp_path / "sub"))
    assert voices.names() == ("b",)
    with pytest.raises(UnknownVoiceError):
        voices.get(name)


def test_least_recently_used_voices_are_dropped(tmp_path: Path) -> None:
    for seed, name in enumerate("abc"):
        save_npz(tmp_path / f"{name}.npz", voice(seed))
    voices = VoiceStore(CONFIG, find_npz_voices(tmp_path), capacity=2)
    first = voices.get("a")
    assert voices.get("a") is first
    voices.get("b")
    voices.get("a")
    voices.get("c")  # drops b
    assert voices.get("a") is first
    os.remove(tmp_path / "b.npz")  # noqa: PTH107
    with pytest.raises(CheckpointError, match=r"voice b: cannot read b\.npz"):
        voices.get("b")


def test_loaded_voices_cannot_be_changed(tmp_path: Path) -> None:
    write_voices(tmp_path, {"a": voice(0)})
    loaded = VoiceStore(CONFIG, find_voices(tmp_path)).get("a")
    with pytest.raises(ValueError, match="read-only"):
        loaded.semantic[0] = 1


def test_many_threads_get_the_same(tmp_path: Path) -> None:
    for seed in range(6):
        save_npz(tmp_path / f"v{seed}.npz", voice(seed))
    voices = VoiceStore(CONFIG, find_npz_voices(tmp_path), capacity=3)
    with ThreadPoolExecutor(8) as pool:
        for seed, got in zip(
            [n % 6 for n in range(200)],
            pool.map(lambda n: voices.get(f"v{n % 6}"), range(200)),
            strict=True,
        ):
            np.testing.assert_array_equal(got.semantic, voice(seed).semantic)


def test_a_voice_of_another_model_is_named(tmp_path: Path) -> None:
    other = Voice(np.full(30, 9_999), np.full((2, 45), 1023), np.full((8, 45), 1023))
    save_npz(tmp_path / "other.npz", other)
    voices = VoiceStore(CONFIG, find_npz_voices(tmp_path))
    with pytest.raises(CheckpointError, match="voice other: semantic_prompt holds values"):
        voices.get("other")


def test_embeddings_with_and_without_index(tmp_path: Path) -> None:
    written = {"v2/en_speaker_6": voice(1), "announcer": voice(2)}
    write_voices(tmp_path, written)
    for _ in range(2):
        voices = VoiceStore(CONFIG, find_voices(tmp_path))
        assert set(voices.names()) == set(written)
        for name, wanted in written.items():
            np.testing.assert_array_equal(voices.get(name).fine, wanted.fine)
            np.testing.assert_array_equal(voices.get(name).semantic, wanted.semantic)
        (tmp_path / "speaker_embeddings_path.json").unlink(missing_ok=True)


def test_prompts_directory_of_suno(tmp_path: Path) -> None:
    (tmp_path / "prompts" / "v2").mkdir(parents=True)
    save_npz(tmp_path / "prompts" / "v2" / "en_speaker_6.npz", voice(1))
    save_npz(tmp_path / "prompts" / "announcer.npz", voice(2))
    assert list(find_voices(tmp_path)) == ["announcer", "v2/en_speaker_6"]
    assert find_voices(tmp_path / "prompts") == {}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("../../etc/passwd", "points outside"),
        ("/etc/passwd", "points outside"),
        ("speaker_embeddings/../../x.npy", "points outside"),
        ("a\0b", "points outside"),
        (5, "must name"),
        (None, "must name"),
    ],
)
def test_an_index_that_points_elsewhere(entry: object, message: str, tmp_path: Path) -> None:
    write_voices(tmp_path, {"a": voice(0)})
    index = tmp_path / "speaker_embeddings_path.json"
    content = json.loads(index.read_text())
    content["a"]["coarse_prompt"] = entry
    index.write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match=message):
        find_voices(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", '{"a": 3}', '{"a": {}}', "\ud800"])
def test_a_broken_index(content: str, tmp_path: Path) -> None:
    path = tmp_path / "speaker_embeddings_path.json"
    path.write_bytes(content.encode("utf-8", "surrogatepass"))
    with pytest.raises(CheckpointError, match="speaker_embeddings_path"):
        find_voices(tmp_path)


def test_extra_directories(tmp_path: Path) -> None:
    checkpoint = open_checkpoint("noise")
    made = random_voice(checkpoint.config, 5, n_semantic=100)
    save_npz(tmp_path / "mine.npz", made)
    voices = checkpoint.voices([tmp_path])
    assert voices.names() == ("mine", "v2/en_speaker_0", "v2/en_speaker_1")
    np.testing.assert_array_equal(voices.get("mine").fine, made.fine)
    with pytest.raises(ConfigError, match="does not exist"):
        checkpoint.voices([tmp_path / "gone"])

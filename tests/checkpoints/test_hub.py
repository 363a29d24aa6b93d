"""The hub through its cache: nothing here touches the network."""

from __future__ import annotations

import fnmatch
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import huggingface_hub
import numpy as np
import pytest
from huggingface_hub import constants
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

from bark_core.checkpoints import STAGES, open_checkpoint
from bark_core.errors import CheckpointError
from bark_core.voices import Voice
from bark_core.weights import load_stage
from bark_core.weights.export import write_voices
from tests.support.reference import StateDict, random_voice
from tests.support.tiny import tiny_config

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SPEC = "suno/bark-tiny"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a network that is not there."""
    path = tmp_path / "hub"
    path.mkdir()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)

    def no_network(*args: Any, **kwargs: Any) -> None:
        pytest.fail("the network was asked")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", no_network)
    monkeypatch.setattr(huggingface_hub.HfApi, "list_repo_files", no_network)
    return path


def voices() -> dict[str, Voice]:
    config = tiny_config()
    return {
        name: random_voice(config, seed, n_semantic=40)
        for seed, name in enumerate(["announcer", "v2/en_speaker_6", "v2/de_speaker_1"])
    }


def fill(cache: Path, source: Path) -> Path:
    """Put a directory into the cache as the hub's library does: links to blobs."""
    root = cache / "models--suno--bark-tiny"
    snapshot = root / "snapshots" / COMMIT
    (root / "refs").mkdir(parents=True)
    (root / "refs" / "main").write_text(COMMIT)
    (root / "blobs").mkdir()
    write_voices(snapshot, voices())
    for path in source.iterdir():
        shutil.copy(path, snapshot / path.name)
    for number, path in enumerate(p for p in snapshot.rglob("*") if p.is_file()):
        blob = root / "blobs" / f"blob{number}"
        path.rename(blob)
        path.symlink_to(blob)
    return snapshot


@pytest.mark.parametrize("offline", [True, False, None])
def test_a_complete_cache_is_enough(
    *,
    offline: bool | None,
    cache: Path,
    safetensors_directory: Path,
    expected: dict[str, StateDict],
) -> None:
    fill(cache, safetensors_directory)
    checkpoint = open_checkpoint(SPEC, offline=offline)
    assert checkpoint.name == SPEC
    assert checkpoint.default_voice == "v2/en_speaker_6"
    store = checkpoint.voices()
    assert store.names() == ("announcer", "v2/de_speaker_1", "v2/en_speaker_6")
    np.testing.assert_array_equal(store.get("en_speaker_6").fine, voices()["v2/en_speaker_6"].fine)
    for stage in STAGES:
        assert load_stage(checkpoint, stage).keys() == expected[stage].keys()


def test_a_revision_is_found_by_its_commit(cache: Path, safetensors_directory: Path) -> None:
    fill(cache, safetensors_directory)
    assert open_checkpoint(f"{SPEC}@{COMMIT}", offline=True).name == f"{SPEC}@{COMMIT}"
    with pytest.raises(CheckpointError, match="not \\(completely\\) in the cache"):
        open_checkpoint(f"{SPEC}@other", offline=True)


def test_offline_and_not_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CheckpointError, match="HF_HUB_OFFLINE"):
        open_checkpoint(SPEC, offline=True)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(CheckpointError, match="HF_HUB_OFFLINE"):
        open_checkpoint(SPEC)


def test_offline_and_cut_short(cache: Path, safetensors_directory: Path) -> None:
    snapshot = fill(cache, safetensors_directory)
    (snapshot / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="holds no weights"):
        open_checkpoint(SPEC, offline=True)


def test_offline_a_voice_that_was_not_fetched_is_not_offered(
    cache: Path, safetensors_directory: Path
) -> None:
    snapshot = fill(cache, safetensors_directory)
    (snapshot / "speaker_embeddings/v2/en_speaker_6_coarse_prompt.npy").unlink()
    checkpoint = open_checkpoint(SPEC, offline=True)
    assert checkpoint.voices().names() == ("announcer", "v2/de_speaker_1")
    assert checkpoint.default_voice == "announcer"


class FakeHub:
    """A repository whose files are downloaded into the cache."""

    def __init__(self, cache: Path, files: dict[str, bytes]) -> None:
        self.snapshot = cache / "models--suno--bark-tiny" / "snapshots" / COMMIT
        self.files = files
        self.fetched: list[str] = []
        self.bars: list[Any] = []

    def snapshot_download(self, name: str, **options: Any) -> str:
        assert name == SPEC
        assert options["revision"] in (None, COMMIT)
        assert not options["local_files_only"]
        self.bars.append(options.get("tqdm_class"))
        for file, content in self.files.items():
            if any(fnmatch.fnmatch(file, pattern) for pattern in options["allow_patterns"]):
                self.fetched.append(file)
                path = self.snapshot / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        return str(self.snapshot)


@pytest.fixture
def remote(
    cache: Path, tmp_path: Path, safetensors_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> FakeHub:
    write_voices(tmp_path / "remote", voices())
    files = {
        path.relative_to(root).as_posix(): path.read_bytes()
        for root in (tmp_path / "remote", safetensors_directory)
        for path in root.rglob("*")
        if path.is_file()
    }
    files |= {"text.pt": b"big", "coarse_2.pt": b"big", "pytorch_model.bin": b"big"}
    hub = FakeHub(cache, files)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", hub.snapshot_download)
    monkeypatch.setattr(huggingface_hub.HfApi, "list_repo_files", lambda *_, **__: list(hub.files))
    return hub


def test_only_what_is_needed_is_fetched(remote: FakeHub) -> None:
    checkpoint = open_checkpoint(SPEC)
    assert load_stage(checkpoint, "semantic")
    assert len(checkpoint.voices().names()) == 3
    assert "model.safetensors" in remote.fetched
    assert not {"text.pt", "coarse_2.pt", "pytorch_model.bin"} & set(remote.fetched)


def test_the_pickle_is_fetched_where_there_is_nothing_better(
    remote: FakeHub, bin_directory: Path
) -> None:
    del remote.files["model.safetensors"]
    remote.files["pytorch_model.bin"] = (bin_directory / "pytorch_model.bin").read_bytes()
    assert load_stage(open_checkpoint(SPEC), "codec")


def test_an_interrupted_download_is_completed(
    remote: FakeHub, cache: Path, safetensors_directory: Path
) -> None:
    snapshot = fill(cache, safetensors_directory)
    (snapshot / "speaker_embeddings/announcer_fine_prompt.npy").unlink()
    assert "announcer" in open_checkpoint(SPEC).voices().names()
    assert remote.fetched


def test_the_bar_can_be_silenced(remote: FakeHub) -> None:
    open_checkpoint(SPEC, progress=False)
    assert all(bar(total=3).disable for bar in remote.bars)
    shutil.rmtree(remote.snapshot)
    remote.bars.clear()
    open_checkpoint(SPEC)
    assert remote.bars == [None, None]


def test_no_converted_weights(remote: FakeHub) -> None:
    for name in ("model.safetensors", "pytorch_model.bin"):
        del remote.files[name]
    with pytest.raises(CheckpointError, match="not a converted Bark checkpoint"):
        open_checkpoint(SPEC)


def answer(status: int) -> Any:
    """Stands for a response of whichever HTTP library the hub's library uses."""
    return Mock(status_code=status, headers={})


@pytest.mark.parametrize(
    ("raised", "message"),
    [
        (lambda: RepositoryNotFoundError("no", response=answer(404)), "the hub has no checkpoint"),
        (lambda: GatedRepoError("no", response=answer(403)), "is gated"),
        (lambda: RuntimeError("no route"), r"failed \(RuntimeError\)"),
        (lambda: OSError(28, "No space left on device"), r"failed \(OSError\)"),
    ],
)
def test_what_the_library_raises_becomes_our_error(
    raised: Callable[[], Exception], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **kwargs: Any) -> str:
        raise raised()

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    with pytest.raises(CheckpointError, match=message):
        open_checkpoint(SPEC)

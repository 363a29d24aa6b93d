"""Files that were made to harm: nothing that they name is run, and they are refused."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bark_core.checkpoints import open_checkpoint
from bark_core.checkpoints.pickle_outline import Inert, read_outline
from bark_core.errors import CheckpointError
from bark_core.weights import load_stage


class Bomb:
    """Makes a directory when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.mkdir, (str(self.target),)


def test_the_bomb_works(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Bomb(tmp_path / "boom")))
    assert (tmp_path / "boom").exists()


@pytest.mark.parametrize("file", ["text.pt", "coarse.pt", "fine.pt", "encodec_24khz-d7cc33bc.th"])
@pytest.mark.parametrize("legacy", [False, True])
def test_suno_layout(file: str, *, legacy: bool, suno_directory: Path, tmp_path: Path) -> None:
    directory = Path(shutil.copytree(suno_directory, tmp_path / "copy"))
    boom = tmp_path / "boom"
    torch.save(
        {"model": {"a": torch.zeros(1), "b": Bomb(boom)}, "model_args": {}},
        directory / file,
        _use_new_zipfile_serialization=not legacy,
    )
    stage = {"t": "semantic", "c": "coarse", "f": "fine", "e": "codec"}[file[0]]
    with pytest.raises(CheckpointError, match=file):
        load_stage(open_checkpoint(str(directory)), stage)  # type: ignore[arg-type]
    assert not boom.exists()


@pytest.mark.parametrize("legacy", [False, True])
def test_hugging_face_layout(*, legacy: bool, bin_directory: Path, tmp_path: Path) -> None:
    directory = Path(shutil.copytree(bin_directory, tmp_path / "copy"))
    boom = tmp_path / "boom"
    path = directory / "pytorch_model.bin"
    torch.save({"semantic.x": Bomb(boom)}, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(CheckpointError, match="unsafe"):
        load_stage(open_checkpoint(str(directory)), "semantic")
    assert not boom.exists()


def test_legacy_files_without_malice_are_read(bin_directory: Path, tmp_path: Path) -> None:
    directory = Path(shutil.copytree(bin_directory, tmp_path / "copy"))
    path = directory / "pytorch_model.bin"
    state = torch.load(path, weights_only=True)
    torch.save(state, path, _use_new_zipfile_serialization=False)
    assert load_stage(open_checkpoint(str(directory)), "semantic")


def test_the_message_names_what_was_refused(tmp_path: Path) -> None:
    path = tmp_path / "text.pt"
    torch.save({"model_args": Bomb(tmp_path / "boom")}, path)
    with pytest.raises(CheckpointError, match=r"refers to '(posix|nt)\.mkdir'"):
        read_outline(path)


def test_outline_of_plain_data(tmp_path: Path) -> None:
    content = {
        "model_args": {"n_layer": 12, "bias": False, "rate": 0.5, "none": None, "big": 2**40},
        "list": [1, "zwei", (3, 4), (), {"a": []}, True],
        "numpy": np.float64(1.5),
        "tensors": {"w": torch.zeros(3), "half": torch.zeros(2, dtype=torch.float16)},
    }
    path = tmp_path / "plain.pt"
    torch.save(content, path)
    outline = read_outline(path)
    assert isinstance(outline, dict)
    assert outline["model_args"] == content["model_args"]
    assert outline["list"] == content["list"]
    assert isinstance(outline["numpy"], Inert)
    assert isinstance(outline["tensors"]["w"], Inert)


@pytest.mark.parametrize("content", [b"", b"PK", b"no zip file at all", b"\x80\x02}q\x00."])
def test_not_an_archive(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "text.pt"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="torch archive"):
        read_outline(path)


def test_a_value_that_explodes_when_shown_is_not_shown(tmp_path: Path) -> None:
    """Thirty nested pairs are a few bytes of pickle and a gigabyte of text."""
    value: object = "x"
    for _ in range(40):
        value = (value, value)
    path = tmp_path / "text.pt"
    torch.save({"model_args": {"n_layer": value}}, path)
    for stem in ("coarse", "fine"):
        shutil.copy(path, tmp_path / f"{stem}.pt")
    with pytest.raises(CheckpointError, match=r"n_layer must be .*, not a tuple"):
        open_checkpoint(str(tmp_path))


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_damaged_pickles_raise_only_our_error(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Any bytes in place of the pickle: an outline or a CheckpointError, nothing else."""
    sound = io.BytesIO()
    plain = {"a": [1, 2.5, "b"], "c": (None, True), "d": np.float64(1)}
    pickle.Pickler(sound, protocol=data.draw(st.sampled_from([2, 4]))).dump(plain)
    mutated = bytearray(sound.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        mutated[data.draw(st.integers(0, len(mutated) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("fuzz") / "x.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x/data.pkl", bytes(mutated))
    with contextlib.suppress(CheckpointError):
        read_outline(path)

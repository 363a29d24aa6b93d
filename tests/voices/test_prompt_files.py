"""Suno's prompt files, as they are published and as nobody should write them."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bark_core.config import SMALL, published
from bark_core.errors import VoiceDataError
from bark_core.voices import Voice, load_npz, read_npy, save_npz, validate
from bark_core.voices.arrays import MAX_ARRAY_BYTES
from tests.support.reference import random_voice

CONFIG = published("bark-small", SMALL)
Arrays = dict[str, NDArray[Any]]


def arrays(voice: Voice) -> Arrays:
    return {
        "semantic_prompt": voice.semantic,
        "coarse_prompt": voice.coarse,
        "fine_prompt": voice.fine,
    }


@pytest.fixture
def voice() -> Voice:
    return random_voice(CONFIG, 1, n_semantic=346)


def same(first: Voice, second: Voice) -> bool:
    return all(
        np.array_equal(a, b)
        for a, b in zip(arrays(first).values(), arrays(second).values(), strict=True)
    )


def test_what_is_saved_is_loaded(voice: Voice, tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    save_npz(path, voice)
    loaded = load_npz(path)
    validate(loaded, CONFIG)
    assert same(loaded, voice)
    # numpy itself reads it, as Suno's code does.
    with np.load(path) as content:
        assert sorted(content) == ["coarse_prompt", "fine_prompt", "semantic_prompt"]


@pytest.mark.parametrize("dtype", [np.int32, np.uint16, np.int64, np.uint64, ">i4"])
@pytest.mark.parametrize("compressed", [False, True])
def test_every_integer_type(dtype: Any, *, compressed: bool, voice: Voice, tmp_path: Path) -> None:
    path = tmp_path / "announcer.npz"
    save: Any = np.savez_compressed if compressed else np.savez
    save(path, **{name: codes.astype(dtype) for name, codes in arrays(voice).items()})
    loaded = load_npz(path)
    assert same(loaded, voice)
    for codes in arrays(loaded).values():
        assert codes.dtype == np.int64
        assert not codes.flags.writeable


def test_fortran_order(voice: Voice, tmp_path: Path) -> None:
    path = tmp_path / "f.npz"
    save: Any = np.savez
    save(path, **{name: np.asfortranarray(codes) for name, codes in arrays(voice).items()})
    assert same(load_npz(path), voice)


def write(path: Path, content: Arrays) -> Path:
    save: Any = np.savez  # which pickles objects: the loader must refuse to unpickle them
    save(path, **content)
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"semantic_prompt": np.zeros(300)}, "must hold integers, not float64"),
        ({"semantic_prompt": np.zeros(300, bool)}, "must hold integers, not bool"),
        ({"semantic_prompt": np.array(["a"] * 300)}, "must hold integers"),
        ({"semantic_prompt": np.array([{}, []], dtype=object)}, "must hold integers, not object"),
        ({"semantic_prompt": np.full(3, 2**63, np.uint64)}, "beyond any code book"),
        ({"fine_prompt": np.zeros((8, 4, 2), np.int64)}, "impossible shape"),
        ({"extra": np.zeros(3, np.int64)}, "holds exactly"),
        ({"fine_prompt": np.zeros((8, MAX_ARRAY_BYTES // 64 + 1), np.int64)}, "unpacks to|bytes"),
    ],
)
def test_wrong_arrays(change: Arrays, message: str, voice: Voice, tmp_path: Path) -> None:
    path = write(tmp_path / "bad.npz", arrays(voice) | change)
    with pytest.raises(VoiceDataError, match=message):
        load_npz(path)


def test_missing_array(voice: Voice, tmp_path: Path) -> None:
    content = arrays(voice)
    del content["coarse_prompt"]
    with pytest.raises(VoiceDataError, match="holds exactly"):
        load_npz(write(tmp_path / "bad.npz", content))


def test_pickled_arrays_are_not_unpickled(tmp_path: Path) -> None:
    boom = tmp_path / "boom"

    class Bomb:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return os.mkdir, (str(boom),)

    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|O", "fortran_order": False, "shape": (1,)}
    )
    path = tmp_path / "bad.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("semantic", "coarse", "fine"):
            archive.writestr(f"{name}_prompt.npy", header.getvalue() + pickle.dumps(Bomb()))
    with pytest.raises(VoiceDataError, match="must hold integers"):
        load_npz(path)
    assert not boom.exists()


def test_a_bomb_of_zeros_is_not_unpacked(voice: Voice, tmp_path: Path) -> None:
    """Small on disk, large in memory; the size that it declares of itself is a lie as well."""
    path = tmp_path / "bomb.npz"
    save: Any = np.savez_compressed
    save(path, **(arrays(voice) | {"fine_prompt": np.zeros((8, 500_000), np.int64)}))
    assert path.stat().st_size < 100_000
    with pytest.raises(VoiceDataError, match="fine_prompt unpacks to 32000128 bytes"):
        load_npz(path)
    content = path.read_bytes()
    lie = content.replace((32_000_128).to_bytes(4, "little"), (1000).to_bytes(4, "little"))
    assert lie != content
    path.write_bytes(lie)
    with pytest.raises(VoiceDataError):
        load_npz(path)


def test_the_same_member_twice(voice: Voice, tmp_path: Path) -> None:
    path = tmp_path / "twice.npz"
    save_npz(path, voice)
    with (
        zipfile.ZipFile(path, "a") as archive,
        pytest.warns(UserWarning, match="Duplicate name"),
    ):
        archive.writestr("fine_prompt.npy", b"")
    with pytest.raises(VoiceDataError, match="holds exactly"):
        load_npz(path)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(VoiceDataError, match="cannot read gone"):
        load_npz(tmp_path / "gone.npz")
    with pytest.raises(VoiceDataError, match="is not a file"):
        load_npz(tmp_path)
    huge = tmp_path / "huge.npz"
    with huge.open("wb") as file:
        file.truncate(8 * 1024**3)  # sparse
    with pytest.raises(VoiceDataError, match="a voice has at most"):
        load_npz(huge)
    with pytest.raises(VoiceDataError, match=r"must be named \*\.npz"):
        save_npz(tmp_path / "voice.wav", random_voice(CONFIG, 1, n_semantic=10))
    with pytest.raises(VoiceDataError, match="cannot write"):
        save_npz(tmp_path / "no" / "voice.npz", random_voice(CONFIG, 1, n_semantic=10))


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_damaged_files_raise_only_our_error(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "voice.npz"
    small = random_voice(CONFIG, 3, n_semantic=6)
    save: Any = np.savez_compressed if data.draw(st.booleans()) else np.savez
    save(path, **arrays(small))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    with contextlib.suppress(VoiceDataError):
        validate(load_npz(path), CONFIG)


@settings(max_examples=200, deadline=None)
@given(content=st.binary(max_size=200), keep_magic=st.booleans())
def test_damaged_npy_files_raise_only_our_error(
    content: bytes, tmp_path_factory: pytest.TempPathFactory, *, keep_magic: bool
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "x.npy"
    path.write_bytes((b"\x93NUMPY\x01\x00v\x00" if keep_magic else b"") + content)
    with contextlib.suppress(VoiceDataError):
        read_npy("semantic_prompt", path)


def test_a_header_that_promises_more_than_there_is(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "<i8", "fortran_order": False, "shape": (2**40,)}
        )
    with pytest.raises(VoiceDataError, match="cut short"):
        read_npy("semantic_prompt", path)


def test_a_file_with_more_than_its_header_promises(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    np.save(path, np.arange(10))
    path.write_bytes(path.read_bytes() + b"\0" * 8)
    with pytest.raises(VoiceDataError, match="too long"):
        read_npy("semantic_prompt", path)

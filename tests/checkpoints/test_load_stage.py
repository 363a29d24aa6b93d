"""Every format gives the same tensors, and a file that is not whole says what is wrong with it."""

from __future__ import annotations

import json
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from bark_core.checkpoints import STAGES, open_checkpoint
from bark_core.config import BarkConfig
from bark_core.errors import CheckpointError
from bark_core.weights import StateDict as Arrays
from bark_core.weights import load_stage
from tests.support.reference import StateDict, stage_state_dicts


def assert_same(loaded: Arrays, wanted: StateDict) -> None:
    assert loaded.keys() == wanted.keys()
    for name, tensor in wanted.items():
        array = loaded[name]
        assert type(array) is np.ndarray
        assert array.dtype == np.float32
        # What torch needs to take it without a copy.
        assert array.flags.c_contiguous
        assert array.flags.aligned
        assert array.flags.writeable
        if name.endswith("conv.weight"):  # weight norm is folded
            np.testing.assert_allclose(array, tensor.numpy(), rtol=1e-6, atol=1e-7, err_msg=name)
        else:
            np.testing.assert_array_equal(array, tensor.numpy(), err_msg=name)


@pytest.mark.parametrize("directory", ["safetensors_directory", "bin_directory"])
def test_hugging_face_formats(
    directory: str,
    request: pytest.FixtureRequest,
    config: BarkConfig,
    expected: dict[str, StateDict],
) -> None:
    checkpoint = open_checkpoint(str(request.getfixturevalue(directory)))
    assert checkpoint.config == config
    assert not checkpoint.is_noise
    # A spawned process gets the checkpoint by pickle and opens the files itself.
    again = pickle.loads(pickle.dumps(checkpoint))
    assert again == checkpoint
    for stage in STAGES:
        assert_same(load_stage(again, stage), expected[stage])


def test_suno_files(suno_directory: Path, suno_model: Any) -> None:
    checkpoint = open_checkpoint(str(suno_directory))
    assert checkpoint.config.semantic_model.n_layer == 1
    assert checkpoint.config.semantic_model.input_vocab_size == 129_600
    wanted = stage_state_dicts(suno_model)
    for stage in STAGES:
        assert_same(load_stage(checkpoint, stage), wanted[stage])


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs Linux's list of mappings")
@pytest.mark.parametrize(
    ("directory", "file"),
    [
        ("safetensors_directory", "model.safetensors"),
        ("bin_directory", "pytorch_model.bin"),
        ("suno_directory", "text.pt"),
    ],
)
def test_weights_are_mapped_not_read(
    directory: str, file: str, request: pytest.FixtureRequest
) -> None:
    root: Path = request.getfixturevalue(directory)
    tensors = load_stage(open_checkpoint(str(root)), "semantic")
    assert str(root / file) in Path("/proc/self/maps").read_text()
    assert tensors


def test_shards(
    safetensors_directory: Path, tmp_path: Path, expected: dict[str, StateDict]
) -> None:
    directory = copied(safetensors_directory, tmp_path)
    tensors = load_file(directory / "model.safetensors")
    (directory / "model.safetensors").unlink()
    names = sorted(tensors)
    halves = {
        "model-00001-of-00002.safetensors": names[::2],
        "model-00002-of-00002.safetensors": names[1::2],
    }
    for file, part in halves.items():
        save_file({name: tensors[name] for name in part}, directory / file)
    weight_map = {name: file for file, part in halves.items() for name in part}
    index = directory / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": weight_map}))
    checkpoint = open_checkpoint(str(directory))
    for stage in STAGES:
        assert_same(load_stage(checkpoint, stage), expected[stage])

    (directory / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(CheckpointError, match="model-00002-of-00002"):
        open_checkpoint(str(directory))
    index.write_text(json.dumps({"weight_map": {"a": "../elsewhere.safetensors"}}))
    with pytest.raises(CheckpointError, match="beside the index"):
        open_checkpoint(str(directory))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_float_types_are_widened(
    dtype: torch.dtype, safetensors_directory: Path, tmp_path: Path, expected: dict[str, StateDict]
) -> None:
    def narrow(tensors: StateDict) -> None:
        for name, tensor in tensors.items():
            tensors[name] = tensor.to(dtype) if tensor.dtype == torch.float32 else tensor

    checkpoint = open_checkpoint(str(changed(safetensors_directory, tmp_path, narrow)))
    loaded = load_stage(checkpoint, "semantic")
    for name, tensor in expected["semantic"].items():
        np.testing.assert_array_equal(loaded[name], tensor.to(dtype).to(torch.float32).numpy())


@pytest.mark.parametrize("form", ["parametrized", "old", "plain"])
def test_every_form_of_weight_norm(
    form: str, safetensors_directory: Path, tmp_path: Path, expected: dict[str, StateDict]
) -> None:
    def rewrite(tensors: StateDict) -> None:
        if form == "plain":
            for name in [n for n in tensors if n.startswith("codec_model.decoder.")]:
                del tensors[name]
            for name, tensor in expected["codec"].items():
                tensors["codec_model." + name] = tensor.contiguous()
        elif form == "old":
            for name in list(tensors):
                old = name.replace("parametrizations.weight.original0", "weight_g")
                old = old.replace("parametrizations.weight.original1", "weight_v")
                tensors[old] = tensors.pop(name)

    checkpoint = open_checkpoint(str(changed(safetensors_directory, tmp_path, rewrite)))
    assert_same(load_stage(checkpoint, "codec"), expected["codec"])


def test_fine_heads_may_be_stored_twice_or_instead(
    safetensors_directory: Path, tmp_path: Path, expected: dict[str, StateDict]
) -> None:
    def heads_only(tensors: StateDict) -> None:
        for k in range(7):
            head, table = f"lm_heads.{k}.weight", f"input_embeds_layers.{k + 1}.weight"
            tensors["fine_acoustics." + head] = expected["fine"][table].clone()
            del tensors["fine_acoustics." + table]

    def untied(tensors: StateDict) -> None:
        tensors["fine_acoustics.lm_heads.3.weight"] = torch.zeros(24, 16)

    checkpoint = open_checkpoint(str(changed(safetensors_directory, tmp_path / "a", heads_only)))
    assert_same(load_stage(checkpoint, "fine"), expected["fine"])
    checkpoint = open_checkpoint(str(changed(safetensors_directory, tmp_path / "b", untied)))
    with pytest.raises(CheckpointError, match=r"lm_heads\.3\.weight differs"):
        load_stage(checkpoint, "fine")


SEMANTIC = "semantic.layers.0.attn.att_proj.weight"


def drop(tensors: StateDict) -> None:
    del tensors[SEMANTIC]


def add(tensors: StateDict) -> None:
    tensors["semantic.layers.0.attn.att_proj.bias"] = torch.zeros(48)


def add_stranger(tensors: StateDict) -> None:
    tensors["vocoder.weight"] = torch.zeros(3)


def misshape(tensors: StateDict) -> None:
    tensors[SEMANTIC] = torch.zeros(16, 48)


def poison(tensors: StateDict) -> None:
    tensors[SEMANTIC][3, 5] = torch.nan


def blow_up(tensors: StateDict) -> None:
    tensors[SEMANTIC][0, 0] = -torch.inf


def retype(tensors: StateDict) -> None:
    tensors[SEMANTIC] = tensors[SEMANTIC].to(torch.int32)


def scale_missing(tensors: StateDict) -> None:
    tensors[SEMANTIC] = tensors[SEMANTIC].to(torch.int8)


def scale_misshaped(tensors: StateDict) -> None:
    tensors[SEMANTIC] = tensors[SEMANTIC].to(torch.int8)
    tensors[SEMANTIC + "_scale"] = torch.ones(16)


def scale_without_int8(tensors: StateDict) -> None:
    tensors[SEMANTIC + "_scale"] = torch.ones(48)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop, r"missing: layers\.0\.attn\.att_proj\.weight"),
        (add, r"unexpected tensors: layers\.0\.attn\.att_proj\.bias"),
        (add_stranger, r"no stage of Bark: vocoder\.weight"),
        (misshape, r"att_proj\.weight has the shape \[16, 48\] .* \[48, 16\]"),
        (poison, r"att_proj\.weight holds values that are not finite"),
        (blow_up, r"att_proj\.weight holds values that are not finite"),
        (retype, r"att_proj\.weight has the type I32, not a float"),
        (scale_missing, r"int8 tensor layers\.0\.attn\.att_proj\.weight needs"),
        (scale_misshaped, r"int8 tensor layers\.0\.attn\.att_proj\.weight needs"),
        (scale_without_int8, r"unexpected tensors: .*att_proj\.weight_scale"),
    ],
)
def test_wrong_tensors_are_named(
    change: Callable[[StateDict], None],
    message: str,
    safetensors_directory: Path,
    tmp_path: Path,
) -> None:
    checkpoint = open_checkpoint(str(changed(safetensors_directory, tmp_path, change)))
    with pytest.raises(CheckpointError, match=message):
        load_stage(checkpoint, "semantic")


def test_incomplete_weight_norm_is_named(safetensors_directory: Path, tmp_path: Path) -> None:
    stem = "codec_model.decoder.layers.0.conv.parametrizations.weight.original"

    def without_direction(tensors: StateDict) -> None:
        del tensors[stem + "1"]

    def zero_direction(tensors: StateDict) -> None:
        tensors[stem + "1"][:] = 0

    checkpoint = open_checkpoint(str(changed(safetensors_directory, tmp_path, without_direction)))
    with pytest.raises(CheckpointError, match=r"weight norm of decoder\.layers\.0\.conv\.weight"):
        load_stage(checkpoint, "codec")
    checkpoint = open_checkpoint(
        str(changed(safetensors_directory, tmp_path / "b", zero_direction))
    )
    with pytest.raises(CheckpointError, match=r"decoder\.layers\.0\.conv\.weight .*not finite"):
        load_stage(checkpoint, "codec")


@pytest.mark.parametrize("keep", [0, 4, 100, 5_000])
@pytest.mark.parametrize("directory", ["safetensors_directory", "bin_directory"])
def test_truncated_files(
    directory: str, keep: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    copy = copied(request.getfixturevalue(directory), tmp_path)
    path = next(p for p in copy.iterdir() if p.name in ("model.safetensors", "pytorch_model.bin"))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match=path.name):
        load_stage(open_checkpoint(str(copy)), "coarse")


def test_tensors_that_lie_askew_are_copied(
    safetensors_directory: Path, tmp_path: Path, expected: dict[str, StateDict]
) -> None:
    """Other writers pad the header to any length: then no tensor can be mapped in place."""
    copy = copied(safetensors_directory, tmp_path)
    path = copy / "model.safetensors"
    content = path.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    header = content[8:end] + b" "
    path.write_bytes(len(header).to_bytes(8, "little") + header + content[end:])
    checkpoint = open_checkpoint(str(copy))
    for stage in STAGES:
        assert_same(load_stage(checkpoint, stage), expected[stage])


def test_changing_a_tensor_changes_no_file(safetensors_directory: Path, tmp_path: Path) -> None:
    path = copied(safetensors_directory, tmp_path) / "model.safetensors"
    before = path.read_bytes()
    load_stage(open_checkpoint(str(path.parent)), "semantic")["lm_head.weight"][:] = 7
    assert path.read_bytes() == before


@pytest.mark.parametrize("offsets", [[0, 4], [4, 8], [0, 10**9], [8, 0]])
def test_offsets_that_lie_are_refused(
    offsets: list[int], safetensors_directory: Path, tmp_path: Path
) -> None:
    path = copied(safetensors_directory, tmp_path) / "model.safetensors"
    entry = {"dtype": "F32", "shape": [2], "data_offsets": offsets}
    header = json.dumps({"semantic.a": entry}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    with pytest.raises(CheckpointError, match=r"model\.safetensors is damaged"):
        load_stage(open_checkpoint(str(path.parent)), "semantic")


WITHOUT_TORCH = """
import sys
for name in ("torch", "onnx", "ml_dtypes", "transformers"):
    sys.modules[name] = None  # importing it raises
from bark_core.checkpoints import STAGES, open_checkpoint
from bark_core.errors import MissingDependencyError
from bark_core.weights import load_stage
checkpoint = open_checkpoint(sys.argv[1])
try:
    print(sum(len(load_stage(checkpoint, stage)) for stage in STAGES))
except MissingDependencyError as error:
    print(error.message)
"""


def test_only_pickled_files_need_torch(
    safetensors_directory: Path,
    bin_directory: Path,
    suno_directory: Path,
    tmp_path: Path,
    expected: dict[str, StateDict],
) -> None:
    def halved(tensors: StateDict) -> None:
        for name, tensor in tensors.items():
            tensors[name] = tensor.to(torch.bfloat16) if tensor.is_floating_point() else tensor

    def said(directory: Path) -> str:
        run = subprocess.run(
            [sys.executable, "-c", WITHOUT_TORCH, str(directory)],
            capture_output=True,
            text=True,
            check=True,
        )
        return run.stdout.strip()

    tensors = str(sum(len(stage) for stage in expected.values()))
    assert said(safetensors_directory) == tensors
    assert said(changed(safetensors_directory, tmp_path, halved)) == tensors
    assert "pytorch_model.bin is a pickled file, and only torch reads these" in said(bin_directory)
    assert "text.pt is a pickled file" in said(suno_directory)
    assert "pip install 'barkstream[torch]'" in said(suno_directory)


def test_absurd_header_is_refused(safetensors_directory: Path, tmp_path: Path) -> None:
    copy = copied(safetensors_directory, tmp_path)
    path = copy / "model.safetensors"
    path.write_bytes((2**40).to_bytes(8, "little") + path.read_bytes()[8:])
    with pytest.raises(CheckpointError, match="header of 1099511627776 bytes"):
        load_stage(open_checkpoint(str(copy)), "coarse")


def copied(directory: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(directory, tmp_path / directory.name))


def changed(directory: Path, tmp_path: Path, change: Callable[[StateDict], None]) -> Path:
    """A copy whose tensors were changed."""
    copy = copied(directory, tmp_path)
    path = copy / "model.safetensors"
    tensors = {name: tensor.clone() for name, tensor in load_file(path).items()}
    change(tensors)
    path.unlink()
    save_file(tensors, path)
    return copy

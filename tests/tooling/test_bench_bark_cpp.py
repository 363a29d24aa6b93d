"""bark.cpp as a contender: its file format. That it loads and speaks needs its package."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest
from numpy.typing import NDArray
from transformers import BarkModel

from bench.bark_cpp_run import weights_path
from bench.bark_cpp_weights import MAGIC, write_bark_cpp
from bench.contenders import bark_cpp_precision
from bench.random_bark import SIZES, write_random_bark

TRANSFORMERS = ("semantic", "coarse_acoustics", "fine_acoustics")


def numbers(file: IO[bytes], count: int) -> tuple[int, ...]:
    return struct.unpack(f"<{count}i", file.read(4 * count))


def tensor(file: IO[bytes]) -> tuple[str, NDArray[Any]]:
    dimensions, length, kind = numbers(file, 3)
    shape = numbers(file, dimensions)[::-1]
    name = file.read(length).decode()
    dtype = np.dtype((np.float32, np.float16)[kind])
    data = file.read(int(np.prod(shape)) * dtype.itemsize)
    return name, np.frombuffer(data, dtype).reshape(shape)


def test_precisions_are_told_by_the_name() -> None:
    assert bark_cpp_precision("bark.cpp/q8_0") == "q8_0"
    assert bark_cpp_precision("low-latency/onnx") is None


@pytest.mark.slow
def test_weights_in_the_format_of_bark_cpp(tmp_path: Path) -> None:
    write_random_bark(tmp_path, SIZES["tiny"])
    out = weights_path(tmp_path, "f16")
    write_bark_cpp(tmp_path, out)
    state = BarkModel.from_pretrained(tmp_path).state_dict()
    with out.open("rb") as file:
        assert numbers(file, 1) == (MAGIC,)
        (pieces,) = numbers(file, 1)
        assert [file.read(*numbers(file, 1)).decode() for _ in range(pieces)] == (
            (tmp_path / "vocab.txt").read_text().split()
        )
        sizes, tensors = {}, {}
        for stage in TRANSFORMERS:
            sizes[stage] = numbers(file, 10)
            tensors[stage] = dict(tensor(file) for _ in range(*numbers(file, 1)))
        # layers, heads, width, context, biases, ids in, ids out, heads, tables, 16 bits
        assert sizes["semantic"] == (1, 2, 32, 1024, 0, 129_600, 10_048, 1, 1, 1)
        assert sizes["fine_acoustics"] == (1, 2, 32, 1024, 1, 1_056, 1_056, 7, 8, 1)
        assert numbers(file, 1) == (MAGIC,)
        assert numbers(file, 9) == (1, 128, 32, 7, 3, 1024, 24, 24_000, 1)
        codec = {}
        while file.peek(1):
            name, data = tensor(file)
            codec[name] = data
    assert len(tensors["semantic"]) == 10
    for name, original in (
        ("model/wte/0", "input_embeds_layer.weight"),
        ("model/h0/attn/c_attn/w", "layers.0.attn.att_proj.weight"),
        ("model/h0/ln_2/g", "layers.0.layernorm_2.weight"),
    ):
        expected = state[f"semantic.{original}"].numpy()
        np.testing.assert_allclose(tensors["semantic"][name], expected, rtol=1e-3, atol=1e-6)
    head = state["fine_acoustics.lm_heads.6.weight"].numpy()
    np.testing.assert_allclose(
        tensors["fine_acoustics"]["model/lm_head/6"], head, rtol=1e-3, atol=1e-6
    )
    kernel = dict(BarkModel.from_pretrained(tmp_path).codec_model.named_modules())
    upsampler: Any = kernel["decoder.layers.3.conv"]
    np.testing.assert_allclose(
        codec["decoder.model.3.convtr.convtr.weight"],
        upsampler.weight.detach().numpy(),
        rtol=1e-3,
        atol=1e-5,
    )
    assert codec["quantizer.vq.layers.31._codebook.embed"].shape == (1024, 128)

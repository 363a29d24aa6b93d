"""Quantised weights: formats, drift, what each precision keeps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bark_core.backends.base import (
    CoarsePrefill,
    CoarsePrefillRow,
    CoarseStep,
    CoarseStepRow,
    CodecDecode,
    CodecRow,
    FinePass,
    FineRow,
    SemanticPrefill,
)
from bark_core.backends.onnx import layout, machine
from bark_core.backends.onnx.backend import default_limits
from bark_core.backends.onnx.causal import CausalStage
from bark_core.backends.onnx.convert.calibration import calibrate, coarse_context
from bark_core.backends.onnx.convert.linear import quantize_blocks, quantize_channels
from bark_core.backends.onnx.machine import Parallelism, _has_any_flag, choose_parallelism
from bark_core.backends.onnx.precision import LinearKind, Precision, block_size, precision_of
from bark_core.config import SMALL, published
from bark_core.errors import ConfigError, EngineFailureError
from bark_core.sampling import DrawKey, Stage
from tests.support.drive import SemanticJob, coarse_draw
from tests.support.onnx_models import convert, open_backend, random_weights
from tests.support.tiny import tiny_config

FloatArray = NDArray[np.float32]


def weights(outputs: int, inputs: int) -> FloatArray:
    return np.random.default_rng(0).standard_normal((outputs, inputs)).astype(np.float32)


def unpacked(blocks: NDArray[np.uint8], scales: FloatArray, bits: int) -> FloatArray:
    """Weights as the operator reads them."""
    if bits == 4:
        blocks = np.stack((blocks & 15, blocks >> 4), axis=3).reshape(*blocks.shape[:2], -1)
    middle = np.float32(2 ** (bits - 1))
    values: FloatArray = (blocks.astype(np.float32) - middle) * scales[:, :, None]
    return values.reshape(values.shape[0], -1)


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize(("inputs", "size"), [(16, 32), (80, 32), (192, 64), (512, 256)])
def test_blocks_are_within_half_a_step(bits: int, inputs: int, size: int) -> None:
    matrix = weights(6, inputs)
    matrix[2] = 0
    blocks, scales = quantize_blocks(matrix, bits, size)
    n_blocks = -(-inputs // size)
    assert blocks.shape == (6, n_blocks, size * bits // 8)
    assert scales.shape == (6, n_blocks)
    found = unpacked(blocks, scales, bits)[:, :inputs]
    # The end of the range that lies opposite the extreme is one step short.
    error = np.abs(found - matrix) / np.abs(scales).repeat(size, axis=1)[:, :inputs]
    assert error.max() <= 1.0
    assert (error <= 0.5 + 1e-4).mean() > 0.95
    np.testing.assert_array_equal(found[2], 0)
    for row in (0, 1):
        extreme = np.abs(matrix[row, :size]).argmax()
        assert found[row, extreme] == pytest.approx(matrix[row, extreme], rel=1e-6)


@pytest.mark.parametrize(
    ("inputs", "bits", "width", "size"),
    [
        (1024, 8, 256, 64),
        (1024, 4, 256, 32),
        (768, 8, 768, 256),
        (3072, 4, 768, 256),
        (640, 8, 640, 128),
        (80, 8, 1024, 32),
    ],
)
def test_blocks_are_large_where_the_model_is(inputs: int, bits: int, width: int, size: int) -> None:
    assert block_size(inputs, bits, width) == size


@pytest.mark.parametrize(("bits", "largest"), [(8, 127), (7, 63)])
def test_channels_use_their_range(bits: int, largest: int) -> None:
    matrix = weights(5, 40)
    matrix[4] = 0
    values, scales = quantize_channels(matrix, bits)
    assert np.abs(values[:4]).max(axis=1).tolist() == [largest] * 4
    assert np.abs(values * scales[:, None] - matrix).max() <= scales.max() / 2 + 1e-6


def cosine(a: FloatArray, b: FloatArray) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_quantised_logits_stay_close_to_float32(tmp_path: Path) -> None:
    config = tiny_config(n_layer=2, n_head=4, n_embd=128)
    tensors = random_weights(config, 3)
    context = np.random.default_rng(0).integers(0, 90, 60)
    logits = {}
    for precision in ("float32", "int8", "int4"):
        directory = convert(tmp_path / precision, config, tensors, precision)
        stage = CausalStage(directory, "coarse", config.coarse_model, 1, 1)
        made = [stage.prefill(0, stage.embed(context))]
        stage.commit((0,), context.size)
        for token in range(20):
            made.append(stage.step((0,), (token,))[0])
            stage.commit((0,), 1)
        logits[precision] = made
    for precision, least in (("int8", 0.99), ("int4", 0.85)):
        close = [cosine(a, b) for a, b in zip(logits["float32"], logits[precision], strict=True)]
        assert min(close) > least, (precision, close)
        assert max(close) < 1, "not quantised at all"


def test_an_int8_cache_is_nearly_the_float32_one(tmp_path: Path) -> None:
    """Weights in float32, so that nothing but the cache differs."""
    config = tiny_config(n_layer=3, n_head=4, n_embd=128)
    tensors = random_weights(config, 3)
    context = np.random.default_rng(1).integers(0, 90, 60)
    stages = {}
    for int8_cache in (False, True):
        precision = Precision("x", LinearKind.FLOAT32, LinearKind.FLOAT32, int8_cache=int8_cache)
        graphs = convert(tmp_path / str(int8_cache), config, tensors, precision)
        stages[int8_cache] = CausalStage(graphs, "coarse", config.coarse_model, 2, 1)
    exact, small = stages[False], stages[True]
    assert small._cache.nbytes * 4 == exact._cache.nbytes
    for stage in stages.values():
        stage.prefill(1, stage.embed(context))
        stage.commit((1,), context.size)
        stage.step((1,), (0,))  # the first one finds the cache filled
    # A prefill attends before anything is rounded; what it leaves in the cache is rounded.
    scales = calibrate(
        config.coarse_model,
        {name: tensor.numpy() for name, tensor in tensors["coarse"].items()},
        coarse_context(config, exact._embedding),
    )
    row = exact._rows.of(1)
    for layer, scale in enumerate(scales):
        for part, steps in enumerate((scale.keys, scale.values)):
            per_channel = steps.reshape(4, 1, -1)
            kept = small._cache[layer, part, row, :, : context.size] * per_channel
            real = exact._cache[layer, part, row, :, : context.size]
            assert np.abs(real).max() < 127 * per_channel.max(), "no room above random tokens"
            assert (np.abs(kept - real) <= 0.51 * per_channel).mean() > 0.999
    for token in range(20):
        first, second = (stage.step((1,), (token,))[0] for stage in (exact, small))
        for stage in stages.values():
            stage.commit((1,), 1)
        assert not np.array_equal(first, second), "not rounded at all"
        assert cosine(first, second) > 0.999


def test_precisions_differ_in_what_they_keep(tmp_path: Path) -> None:
    config = tiny_config(n_layer=1, n_embd=64)
    tensors = random_weights(config, 3)
    kept = {}
    for precision in ("float32", "int8", "int4"):
        graphs = convert(tmp_path / precision, config, tensors, precision)
        step = graphs.path / (layout.step_file("coarse") + layout.DATA_SUFFIX)
        kept[precision] = step.stat().st_size if step.exists() else None
        backend = open_backend(graphs, config, precision, default_limits(3))
        assert backend.info.dtype == precision
        backend.close()
        backend.close()
    assert kept["float32"] is None, "steps and prefills share a graph"
    assert kept["int8"] is not None
    assert kept["int4"] is not None
    assert kept["int4"] < 0.7 * kept["int8"]


def test_failures_of_the_library_are_ours(tmp_path: Path) -> None:
    config = tiny_config(n_layer=1)
    graphs = convert(tmp_path / "graphs", config, random_weights(config, 3), "int8")
    backend = open_backend(graphs, config, "int8", default_limits(1))
    codes = np.zeros((config.fine.n_codebooks, 9), dtype=np.int64)
    backend.execute(CodecDecode((CodecRow(0, codes, final=False),)))
    stream = backend._codec._streams[0]
    assert stream.states is not None
    stream.states["hidden"] = np.zeros(3, dtype=np.float32)
    with pytest.raises(EngineFailureError, match="try the torch back end") as caught:
        backend.execute(CodecDecode((CodecRow(0, codes, final=False),)))
    assert "hidden" in str(caught.value.__cause__)
    stage = CausalStage(graphs, "coarse", config.coarse_model, 1, 1)
    with pytest.raises(EngineFailureError, match="try the torch back end"):
        stage.prefill(0, np.zeros((3, 1, 16), dtype=np.float32))


def test_values_that_are_not_finite_are_an_error(tmp_path: Path) -> None:
    config = tiny_config(n_layer=1)
    tensors = random_weights(config, 3)
    for stage in ("semantic", "coarse"):
        tensors[stage]["layernorm_final.weight"][2] = float("nan")
    tensors["fine"]["layernorm_final.weight"][2] = float("inf")
    tensors["codec"]["decoder.layers.0.conv.bias"][0] = float("nan")
    graphs = convert(tmp_path / "graphs", config, tensors, "float32")
    backend = open_backend(graphs, config, "float32", default_limits(1))
    codes = np.zeros((config.fine.n_codebooks, 9), dtype=np.int64)
    key = DrawKey(0, 0, Stage.FINE, 0)
    prefill = SemanticJob(config, (1, 2)).prefill_row(0)
    coarse = CoarsePrefillRow(0, np.arange(9), coarse_draw(0))
    for batch, stage in (
        (SemanticPrefill((prefill,)), "semantic"),
        (CoarsePrefill((coarse,)), "coarse"),
        (FinePass((FineRow(codes, 0, key, 0.0),)), "fine"),
        (CodecDecode((CodecRow(0, codes, final=True),)), "codec"),
    ):
        with pytest.raises(EngineFailureError, match=f"the {stage} model produced values"):
            backend.execute(batch)
    with pytest.raises(AssertionError, match="without prefill"):
        backend.execute(CoarseStep((CoarseStepRow(0, 3, coarse_draw(1)),)))


def test_dtype_names() -> None:
    assert precision_of("auto").name == "int8"
    assert precision_of("float32").one_causal_graph
    with pytest.raises(ConfigError, match="auto, int8, int4, float32"):
        precision_of("bfloat16")


@pytest.mark.parametrize(
    ("asked", "cpus", "small", "large"),
    [
        (None, 1, (1, 1), (1, 1)),
        (None, 2, (2, 1), (1, 2)),
        (None, 32, (2, 1), (1, 8)),
        (1, 32, (1, 1), (1, 1)),
        (2, 1, (2, 1), (1, 2)),
        (5, 1, (2, 2), (1, 5)),
        (12, 1, (2, 6), (1, 12)),
    ],
)
def test_lanes_and_threads(
    monkeypatch: pytest.MonkeyPatch,
    asked: int | None,
    cpus: int,
    small: tuple[int, int],
    large: tuple[int, int],
) -> None:
    """Two batches at once where the model is small, and never more threads than asked for."""
    monkeypatch.setattr(machine, "_usable_cpus", lambda: cpus)
    assert choose_parallelism(asked, tiny_config()) == Parallelism(*small)
    assert choose_parallelism(asked, published("bark", SMALL)) == Parallelism(*large)


@pytest.mark.parametrize(
    ("text", "exact"),
    [
        ("processor: 0\nflags\t\t: fpu avx2 avx512_vnni\n", True),
        ("flags\t\t: fpu avx_vnni avx2\n", True),
        ("flags\t\t: fpu avx2 avx512f\n", False),
        ("", False),
    ],
)
def test_exact_int8_products_are_known_by_their_flags(
    tmp_path: Path,
    text: str,
    exact: bool,  # noqa: FBT001
) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(text)
    assert _has_any_flag(cpuinfo) is exact
    assert not _has_any_flag(tmp_path / "missing")

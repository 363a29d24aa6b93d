"""Devices, precision, threads and failures of the torch back end."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from bark_core.backends.base import (
    CoarseStep,
    CoarseStepRow,
    CodecDecode,
    CodecRow,
    FinePass,
    FineRow,
    SemanticPrefill,
    SemanticStep,
    SemanticStepRow,
    TokenOutput,
)
from bark_core.backends.registry import BackendSpec
from bark_core.backends.torch import create_torch_backend
from bark_core.backends.torch.backend import TorchBackend, default_limits
from bark_core.backends.torch.device import Placement, choose_threads, place
from bark_core.checkpoints import open_checkpoint
from bark_core.config import LARGE, BarkConfig, published
from bark_core.errors import CheckpointError, ConfigError, EngineFailureError
from bark_core.sampling import DrawKey, Stage
from tests.support.drive import (
    SemanticJob,
    coarse_draw,
    drive_coarse_window,
    drive_codec,
    drive_semantic,
    run,
    wide,
)
from tests.support.reference import StateDict, make_random_hf_bark, stage_state_dicts
from tests.support.tiny import tiny_config

CONFIG = tiny_config()
JOB = SemanticJob(CONFIG, (1, 2, 3), allow_eos=False)
CODES = np.random.default_rng(0).integers(0, 16, (8, 12))


@pytest.fixture(scope="module")
def tensors() -> dict[str, StateDict]:
    return stage_state_dicts(make_random_hf_bark(CONFIG, seed=0))


def backend_of(
    tensors: dict[str, StateDict], dtype: str = "auto", config: BarkConfig = CONFIG
) -> TorchBackend:
    return TorchBackend(config, tensors.__getitem__, wide(3), device="cpu", dtype=dtype)


def spoilt(tensors: dict[str, StateDict], stage: str, name: str) -> dict[str, StateDict]:
    broken = tensors[stage][name].clone()
    broken[3] = torch.nan
    return {**tensors, stage: {**tensors[stage], name: broken}}


def test_semantic_values_that_are_not_finite(tensors: dict[str, StateDict]) -> None:
    """Token 3 poisons its row; the step can be repeated without it as if nothing had been."""
    healthy = backend_of(tensors)
    expected = drive_semantic(healthy, JOB, limit=3)
    backend = backend_of(spoilt(tensors, "semantic", "input_embeds_layer.weight"))
    first = run(backend, SemanticPrefill((JOB.prefill_row(0), JOB.prefill_row(1))), TokenOutput)
    good = SemanticStepRow(0, expected[0], JOB.draw(1))
    bad = SemanticStepRow(1, 3, JOB.draw(1))
    assert first.tokens[0] == expected[0] != 3
    for _ in range(2):
        with pytest.raises(EngineFailureError, match=r"semantic model .* not finite.*float32"):
            backend.execute(SemanticStep((good, bad)))
    assert run(backend, SemanticStep((good,)), TokenOutput).tokens[0] == expected[1]


def test_other_values_that_are_not_finite(tensors: dict[str, StateDict]) -> None:
    backend = backend_of(spoilt(tensors, "coarse", "input_embeds_layer.weight"))
    ids = np.arange(4, 20)
    drive_coarse_window(backend, ids, 1)
    with pytest.raises(EngineFailureError, match="coarse"):
        backend.execute(CoarseStep((CoarseStepRow(0, 3, coarse_draw(1)),)))
    backend = backend_of(spoilt(tensors, "fine", "position_embeds_layer.weight"))
    row = FineRow(CODES, 0, DrawKey(0, 0, Stage.FINE, 0), temperature=1)
    with pytest.raises(EngineFailureError, match="fine"):
        backend.execute(FinePass((row,)))
    backend = backend_of(spoilt(tensors, "codec", "quantizer.layers.0.codebook.embed"))
    healthy = CODES.copy()
    healthy[0][healthy[0] == 3] = 4
    drive_codec(backend, healthy)
    with pytest.raises(EngineFailureError, match="codec"):
        backend.execute(CodecDecode((CodecRow(0, np.full((8, 12), 3), final=False),)))
    # The failed row left no trace in its stream.
    np.testing.assert_array_equal(drive_codec(backend, healthy), drive_codec(backend, healthy))


def test_a_full_slot(tensors: dict[str, StateDict]) -> None:
    backend = backend_of(tensors)
    room = CONFIG.semantic_model.block_size - CONFIG.semantic.max_text_tokens - 1
    drive_semantic(backend, JOB, limit=room + 1)
    with pytest.raises(EngineFailureError, match="65 positions of 64"):
        backend.execute(SemanticStep((SemanticStepRow(0, 1, JOB.draw(room + 1)),)))


def test_a_final_row_ends_the_stream(tensors: dict[str, StateDict]) -> None:
    backend = backend_of(tensors)
    batch = CodecDecode((CodecRow(0, CODES, final=True),))
    first, second = backend.execute(batch), backend.execute(batch)
    np.testing.assert_array_equal(first.pcm[0], second.pcm[0])  # type: ignore[union-attr]


def test_tensors_that_do_not_fit(tensors: dict[str, StateDict]) -> None:
    wider = replace(CONFIG, coarse_model=replace(CONFIG.coarse_model, n_embd=32))
    with pytest.raises(CheckpointError, match="coarse weights do not fit"):
        backend_of(tensors, config=wider)


def test_bfloat16_is_close_to_float32(tensors: dict[str, StateDict]) -> None:
    coarse = backend_of(tensors, "bfloat16")
    assert coarse.info.dtype == "bfloat16"
    exact = backend_of(tensors, "float32")
    same = sum(
        one == other
        for one, other in zip(
            drive_semantic(coarse, replace(JOB, seed=1), limit=1),
            drive_semantic(exact, replace(JOB, seed=1), limit=1),
            strict=True,
        )
    )
    assert same == 1
    # The codec stays in float32.
    np.testing.assert_array_equal(drive_codec(coarse, CODES), drive_codec(exact, CODES))


def test_info_and_default_limits(tensors: dict[str, StateDict]) -> None:
    backend = TorchBackend(CONFIG, tensors.__getitem__, default_limits(40), device="cpu")
    assert (backend.info.name, backend.info.device) == ("torch", "cpu")
    assert backend.info.dtype == "float32"
    assert (backend.limits.slots, backend.limits.max_step_rows) == (40, 16)
    assert default_limits(2).max_step_rows == 2


def test_devices_and_dtypes_by_name() -> None:
    cpu = Placement(torch.device("cpu"), torch.float32)
    assert place("cpu", "auto") == cpu
    assert place("cpu", "bfloat16").dtype == torch.bfloat16
    assert place("auto", "float32").dtype == torch.float32
    for device, dtype, message in (
        ("gpu", "auto", "device 'gpu' is unknown; choose one of: auto, cpu, cuda"),
        ("xpu", "auto", "device 'xpu' is not usable with the installed torch"),
        ("cpu", "float16", "dtype 'float16' is unknown; choose one of: auto, float32, bfloat16"),
    ):
        with pytest.raises(ConfigError, match=message):
            place(device, dtype)


def test_cuda_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Big")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    placement = place("auto", "auto")
    assert placement == Placement(torch.device("cuda", 0), torch.bfloat16)
    assert placement.description == "cuda:0 (Big)"
    assert place("cuda:1", "float32") == Placement(torch.device("cuda", 1), torch.float32)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    assert place("cuda", "auto").dtype == torch.float32
    with pytest.raises(ConfigError, match="'cuda:2' does not exist; CUDA devices here: 2"):
        place("cuda:2", "auto")


def test_mps_comes_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert place("auto", "auto") == Placement(torch.device("mps"), torch.float32)


def test_threads(tensors: dict[str, StateDict]) -> None:
    before = torch.get_num_threads()
    backend = TorchBackend(CONFIG, tensors.__getitem__, wide(1), device="cpu", threads=before + 1)
    assert backend.info.threads == before + 1 == torch.get_num_threads()
    backend.close()
    assert torch.get_num_threads() == before
    assert choose_threads(5, CONFIG) == 5
    assert choose_threads(None, CONFIG) == 1  # done before a second one has woken up
    assert choose_threads(None, published("bark", LARGE)) == torch.get_num_threads()


def test_a_closed_back_end_runs_nothing(tensors: dict[str, StateDict]) -> None:
    backend = backend_of(tensors)
    backend.close()
    with pytest.raises(AssertionError, match="closed"):
        backend.execute(CodecDecode((CodecRow(0, CODES, final=True),)))


def test_a_checkpoint_becomes_a_back_end() -> None:
    backend = create_torch_backend(BackendSpec(open_checkpoint("noise"), device="cpu", slots=2))
    assert backend.limits == default_limits(2)
    config = open_checkpoint("noise").config
    made = drive_semantic(backend, SemanticJob(config, (4, 5)), limit=3)
    assert len(made) <= 3
    backend.close()


def test_torch_is_imported_by_making_a_back_end_only() -> None:
    script = (
        "import sys, bark_core.backends.torch\n"
        "assert 'torch' not in sys.modules\n"
        "import os\n"
        "os.environ.pop('OMP_WAIT_POLICY', None)\n"
        "from bark_core.backends.registry import BackendSpec, create_backend\n"
        "from bark_core.checkpoints import open_checkpoint\n"
        "create_backend(BackendSpec(open_checkpoint('noise'), 'torch', 'cpu', slots=1)).close()\n"
        "assert os.environ['OMP_WAIT_POLICY'] == 'PASSIVE'\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=100)

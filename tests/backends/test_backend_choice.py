"""What "auto" chooses, on machines with and without GPUs and libraries."""

from __future__ import annotations

import ctypes
import logging
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from bark_core.backends import gpu, registry
from bark_core.backends import torch as torch_backend
from bark_core.backends.registry import BackendSpec, choose_backend, create_backend
from bark_core.checkpoints import open_checkpoint
from bark_core.errors import MissingDependencyError


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


class Machine:
    """A machine as a test wants it: everything installed, no GPU."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.packages = {"torch", "onnxruntime"}
        self.driver = False
        self.gpu = False
        monkeypatch.setattr(registry, "_installed", lambda name: name in self.packages)
        monkeypatch.setattr(gpu, "may_be_here", lambda: self.driver)
        monkeypatch.setattr(torch_backend, "finds_gpu", self._asks_torch)

    def _asks_torch(self) -> bool:
        assert self.driver, "torch was imported though there is no GPU"
        assert "torch" in self.packages
        return self.gpu


@pytest.mark.parametrize(
    ("device", "dtype", "chosen"),
    [
        ("auto", "auto", "onnx"),
        ("cpu", "auto", "onnx"),
        ("cpu", "float32", "onnx"),
        ("cpu", "bfloat16", "torch"),
        ("cuda", "auto", "torch"),
        ("cuda:1", "float32", "torch"),
        ("mps", "auto", "torch"),
        ("auto", "int8", "onnx"),
        ("cuda", "int4", "onnx"),  # which then says that it runs on CPUs only
    ],
)
def test_without_a_gpu(device: str, dtype: str, chosen: str, machine: Machine) -> None:
    assert choose_backend(device, dtype) == chosen


def test_with_a_gpu(machine: Machine) -> None:
    machine.driver = machine.gpu = True
    assert choose_backend() == "torch"
    assert choose_backend("cpu") == "onnx"
    assert choose_backend("auto", "int8") == "onnx"
    machine.gpu = False  # a driver, and a torch without CUDA
    assert choose_backend() == "onnx"


def test_what_is_missing_is_said_in_one_line(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "bark_core")
    machine.packages = {"torch"}
    assert choose_backend() == "torch"
    (record,) = caplog.records
    assert record.levelno == logging.INFO
    assert "pip install onnxruntime" in record.getMessage()
    caplog.clear()
    machine.packages, machine.driver = {"onnxruntime"}, True
    assert choose_backend() == "onnx"
    (record,) = caplog.records
    assert "pip install 'barkstream[torch]'" in record.getMessage()
    caplog.clear()
    machine.packages, machine.driver = {"onnxruntime", "torch"}, False
    choose_backend()
    assert not caplog.records


def test_nothing_that_runs_a_model(machine: Machine) -> None:
    machine.packages = set()
    with pytest.raises(MissingDependencyError, match=r"pip install 'barkstream\[server\]'"):
        create_backend(BackendSpec(open_checkpoint("noise")))


def test_the_default_runs_in_8_bits_and_imports_no_torch() -> None:
    program = (
        "import sys\n"
        "from bark_core.backends import gpu\n"
        "gpu.may_be_here = lambda: False\n"
        "from bark_core.backends.registry import BackendSpec, create_backend\n"
        "from bark_core.checkpoints import open_checkpoint\n"
        "info = create_backend(BackendSpec(open_checkpoint('noise'))).info\n"
        "print(info.name, info.dtype, 'torch' in sys.modules)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "onnx int8 False"


@pytest.mark.parametrize("found", [True, False])
def test_a_driver_is_looked_for(*, found: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(Path, "exists", lambda _: False)

    def load(name: str) -> None:
        if not found:
            raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", load)
    assert gpu.may_be_here() == found
    monkeypatch.setattr(Path, "exists", lambda path: os.fspath(path) == "/dev/nvidiactl")
    assert gpu.may_be_here()


@pytest.mark.parametrize(("processor", "found"), [("arm64", True), ("x86_64", False)])
def test_macs(processor: str, *, found: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(platform, "machine", lambda: processor)
    assert gpu.may_be_here() == found

"""The back ends that keep the contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bark_core.backends.base import Backend
from bark_core.backends.fake import FakeBackend
from bark_core.backends.torch.backend import TorchBackend
from bark_core.config import BarkConfig
from tests.support.drive import MakeBackend, wide
from tests.support.onnx_models import convert, open_backend, random_weights
from tests.support.reference import make_random_hf_bark, stage_state_dicts
from tests.support.tiny import tiny_config


def _fake(config: BarkConfig, directory: Path) -> MakeBackend:
    return lambda limits: FakeBackend(config, limits)


def _torch(config: BarkConfig, directory: Path) -> MakeBackend:
    tensors = stage_state_dicts(make_random_hf_bark(config, seed=7))
    return lambda limits: TorchBackend(config, tensors.__getitem__, limits, device="cpu")


def _onnx(precision: str) -> Callable[[BarkConfig, Path], MakeBackend]:
    def make(config: BarkConfig, directory: Path) -> MakeBackend:
        graphs = convert(directory / "graphs", config, random_weights(config, seed=7), precision)
        return lambda limits: open_backend(graphs, config, precision, limits)

    return make


_FACTORIES: dict[str, Callable[[BarkConfig, Path], MakeBackend]] = {
    "fake": _fake,
    "torch": _torch,
    "onnx-float32": _onnx("float32"),
    "onnx-int8": _onnx("int8"),
    "onnx-int4": _onnx("int4"),
}


@pytest.fixture(scope="module")
def config() -> BarkConfig:
    return tiny_config()


@pytest.fixture(scope="module", params=_FACTORIES)
def make_backend(
    request: pytest.FixtureRequest, config: BarkConfig, tmp_path_factory: pytest.TempPathFactory
) -> MakeBackend:
    return _FACTORIES[request.param](config, tmp_path_factory.mktemp("backend"))


@pytest.fixture
def backend(make_backend: MakeBackend) -> Iterator[Backend]:
    made = make_backend(wide(8))
    yield made
    made.close()

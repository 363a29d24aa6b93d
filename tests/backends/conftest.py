"""The back ends that keep the contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from bark_core.backends.base import Backend
from bark_core.backends.fake import FakeBackend
from bark_core.backends.torch.backend import TorchBackend
from bark_core.config import BarkConfig
from tests.support.drive import MakeBackend, wide
from tests.support.reference import make_random_hf_bark, stage_state_dicts
from tests.support.tiny import tiny_config


def _fake(config: BarkConfig) -> MakeBackend:
    return lambda limits: FakeBackend(config, limits)


def _torch(config: BarkConfig) -> MakeBackend:
    tensors = stage_state_dicts(make_random_hf_bark(config, seed=7))
    return lambda limits: TorchBackend(config, tensors.__getitem__, limits, device="cpu")


_FACTORIES: dict[str, Callable[[BarkConfig], MakeBackend]] = {"fake": _fake, "torch": _torch}


@pytest.fixture(scope="module")
def config() -> BarkConfig:
    return tiny_config()


@pytest.fixture(scope="module", params=_FACTORIES)
def make_backend(request: pytest.FixtureRequest, config: BarkConfig) -> MakeBackend:
    return _FACTORIES[request.param](config)


@pytest.fixture
def backend(make_backend: MakeBackend) -> Iterator[Backend]:
    made = make_backend(wide(8))
    yield made
    made.close()

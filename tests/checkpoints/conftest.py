"""One random model of each size, made once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bark_core.config import BarkConfig, CodecConfig, TransformerConfig, published
from tests.support.checkpoint_files import write_hf_directory, write_suno_directory
from tests.support.reference import StateDict, make_random_hf_bark, stage_state_dicts
from tests.support.tiny import tiny_config, with_codec


@pytest.fixture(scope="session")
def config() -> BarkConfig:
    return tiny_config()


@pytest.fixture(scope="session")
def model(config: BarkConfig) -> Any:
    return make_random_hf_bark(config, 1)


@pytest.fixture(scope="session")
def expected(model: Any) -> dict[str, StateDict]:
    return stage_state_dicts(model)


@pytest.fixture(scope="session")
def safetensors_directory(
    tmp_path_factory: pytest.TempPathFactory, model: Any, config: BarkConfig
) -> Path:
    directory = tmp_path_factory.mktemp("hf") / "tiny-test"
    write_hf_directory(directory, model, config, safetensors=True)
    return directory


@pytest.fixture(scope="session")
def bin_directory(tmp_path_factory: pytest.TempPathFactory, model: Any, config: BarkConfig) -> Path:
    directory = tmp_path_factory.mktemp("hf") / "tiny-test"
    write_hf_directory(directory, model, config, safetensors=False)
    return directory


@pytest.fixture(scope="session")
def suno_model() -> Any:
    """Suno's files declare the transformers' sizes only: the codec has its published size."""
    size = TransformerConfig(n_layer=1, n_head=2, n_embd=8)
    return make_random_hf_bark(with_codec(published("suno", size), CodecConfig()), 2)


@pytest.fixture(scope="session")
def suno_directory(tmp_path_factory: pytest.TempPathFactory, suno_model: Any) -> Path:
    directory = tmp_path_factory.mktemp("suno") / "suno"
    write_suno_directory(directory, suno_model)
    return directory

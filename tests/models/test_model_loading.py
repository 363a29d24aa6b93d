"""Models are built from exactly the checkpoint's tensors, without a copy."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from bark_core.errors import CheckpointError
from bark_core.models.codec import CodecDecoder
from bark_core.models.fine import FineModel
from bark_core.models.gpt import CausalModel
from bark_core.models.loading import build
from tests.support.reference import StateDict, make_random_hf_bark, stage_state_dicts
from tests.support.tiny import tiny_config

CONFIG = tiny_config()
MAKERS: dict[str, Callable[[], nn.Module]] = {
    "semantic": lambda: CausalModel(CONFIG.semantic_model),
    "coarse": lambda: CausalModel(CONFIG.coarse_model),
    "fine": lambda: FineModel(CONFIG.fine_model, CONFIG.fine),
    "codec": lambda: CodecDecoder(CONFIG.codec, CONFIG.fine.n_codebooks),
}


@pytest.fixture(scope="module")
def tensors() -> dict[str, StateDict]:
    return stage_state_dicts(make_random_hf_bark(CONFIG, seed=0))


@pytest.mark.parametrize("stage", MAKERS)
def test_every_tensor_is_used_without_a_copy(stage: str, tensors: dict[str, StateDict]) -> None:
    model = build(MAKERS[stage], tensors[stage], stage)
    loaded = model.state_dict()
    assert loaded.keys() == tensors[stage].keys()
    for name, tensor in tensors[stage].items():
        assert loaded[name].data_ptr() == tensor.data_ptr(), name
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize("stage", MAKERS)
def test_what_does_not_fit_is_named(stage: str, tensors: dict[str, StateDict]) -> None:
    name, tensor = next(iter(tensors[stage].items()))
    others = {key: value for key, value in tensors[stage].items() if key != name}
    with pytest.raises(CheckpointError, match=rf"(?s){stage}.*Missing.*{name}"):
        build(MAKERS[stage], others, stage)
    with pytest.raises(CheckpointError, match=r"(?s)Unexpected.*surplus\.weight"):
        build(MAKERS[stage], {**tensors[stage], "surplus.weight": tensor}, stage)
    with pytest.raises(CheckpointError, match=rf"(?s){name}.*size mismatch|size mismatch.*{name}"):
        build(MAKERS[stage], {**others, name: torch.cat((tensor, tensor))}, stage)

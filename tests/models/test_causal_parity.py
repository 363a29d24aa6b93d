"""The causal model against the transformers package, logits and caches."""

from __future__ import annotations

import pytest
import torch

from bark_core.config import TransformerConfig
from bark_core.errors import EngineFailureError
from bark_core.models.cache import KvCache
from bark_core.models.gpt import CausalModel
from bark_core.models.loading import build
from tests.support.reference import make_random_hf_bark, stage_state_dicts
from tests.support.tiny import tiny_config

SHAPES = [(1, 1, 8), (2, 2, 16), (3, 4, 36), (1, 3, 192)]
TOLERANCE = 1e-4  # logits here have a spread of 1.5


def empty_cache(config: TransformerConfig, slots: int = 2) -> KvCache:
    return KvCache.allocate(config, slots, torch.device("cpu"), torch.float32)


@pytest.mark.parametrize(("n_layer", "n_head", "n_embd"), SHAPES)
@pytest.mark.parametrize("stage", ["semantic", "coarse"])
def test_logits_equal_the_reference(stage: str, n_layer: int, n_head: int, n_embd: int) -> None:
    config = tiny_config(n_layer=n_layer, n_head=n_head, n_embd=n_embd)
    hf_bark = make_random_hf_bark(config, seed=n_embd)
    hf_model = {"semantic": hf_bark.semantic, "coarse": hf_bark.coarse_acoustics}[stage]
    sizes = {"semantic": config.semantic_model, "coarse": config.coarse_model}[stage]
    model = build(lambda: CausalModel(sizes), stage_state_dicts(hf_bark)[stage], stage)
    ids = torch.randint(
        sizes.input_vocab_size, (sizes.block_size,), generator=torch.Generator().manual_seed(1)
    )
    cache = empty_cache(sizes)
    with torch.inference_mode():
        expected = hf_model(input_ids=ids[None]).logits[0]
        prefix = sizes.block_size // 2
        state = model.prefill(model.input_embeds_layer(ids[:prefix]), cache, slot=1)
        cache.lengths[1] = prefix
        logits = [model.lm_head(state)]
        for token in ids[prefix:]:
            # The second row is padding: computed, never kept.
            states = model.step(torch.stack((token, token * 0)), cache, slots=[1])
            cache.lengths[1] += 1
            logits.append(model.lm_head(states[:1]))
    torch.testing.assert_close(
        torch.cat(logits), expected[prefix - 1 :], rtol=TOLERANCE, atol=TOLERANCE
    )


def test_a_full_slot_is_refused_by_name() -> None:
    sizes = tiny_config().semantic_model
    model = CausalModel(sizes)
    cache = empty_cache(sizes)
    cache.lengths[1] = sizes.block_size
    with torch.inference_mode():
        with pytest.raises(EngineFailureError, match="slot 1 needs 65 positions of 64"):
            model.step(torch.tensor([3, 3]), cache, slots=[1])
        with pytest.raises(EngineFailureError, match="slot 0 needs 65 positions of 64"):
            model.prefill(torch.zeros(sizes.block_size + 1, sizes.n_embd), cache, slot=0)


def test_the_cache_is_indexed_as_documented() -> None:
    sizes = tiny_config(n_layer=3).coarse_model
    cache = empty_cache(sizes, slots=4)
    assert cache.entries.shape == (4, 3, 2, sizes.n_head, sizes.block_size, sizes.head_dim)
    assert cache.positions == sizes.block_size
    cache.layers[2][1][0].fill_(7)
    assert (cache.entries[2, 1, 0] == 7).all()

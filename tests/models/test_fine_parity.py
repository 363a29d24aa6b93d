"""The fine model's logits against the transformers package."""

from __future__ import annotations

import pytest
import torch

from bark_core.models.fine import FineModel
from bark_core.models.loading import build
from tests.support.reference import make_random_hf_bark, stage_state_dicts
from tests.support.tiny import tiny_config


@pytest.mark.parametrize(("n_layer", "n_head", "n_embd"), [(1, 1, 8), (2, 2, 16), (3, 4, 36)])
def test_logits_equal_the_reference(n_layer: int, n_head: int, n_embd: int) -> None:
    config = tiny_config(n_layer=n_layer, n_head=n_head, n_embd=n_embd)
    hf_bark = make_random_hf_bark(config, seed=n_embd)
    tensors = stage_state_dicts(hf_bark)["fine"]
    model = build(lambda: FineModel(config.fine_model, config.fine), tensors, "fine")
    size = config.fine.codebook_size
    generator = torch.Generator().manual_seed(2)
    for frames, first in ((1, 0), (7, 3), (32, 0), (32, 31)):
        codes = torch.randint(size + 1, (config.fine.n_codebooks, frames), generator=generator)
        for book in range(1, config.fine.n_codebooks):
            with torch.inference_mode():
                expected = hf_bark.fine_acoustics(book, codes.t()[None]).logits[0]
                logits = model(codes, book, first)
            torch.testing.assert_close(logits, expected[first:, :size], rtol=1e-4, atol=1e-4)


def test_a_codebook_reads_its_own_old_codes_and_no_later_ones() -> None:
    config = tiny_config()
    tensors = stage_state_dicts(make_random_hf_bark(config, seed=0))["fine"]
    model = build(lambda: FineModel(config.fine_model, config.fine), tensors, "fine")
    codes = torch.zeros(config.fine.n_codebooks, 9, dtype=torch.int64)
    own, later = codes.clone(), codes.clone()
    own[3] = 5
    later[4] = 5
    with torch.inference_mode():
        before = model(codes, 3, 0)
        assert not torch.equal(model(own, 3, 0), before)
        assert torch.equal(model(later, 3, 0), before)

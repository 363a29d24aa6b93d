"""On the CPU a row's logits do not depend on its neighbours, bit for bit, at any width."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bark_core.backends.torch import packed
from bark_core.backends.torch.causal import CausalPlan, CausalRunner
from bark_core.backends.torch.device import place
from bark_core.config import TransformerConfig
from bark_core.models.gpt import CausalModel
from bark_core.models.linear import Linear

SLOTS = 8
WIDTHS = [(2, 16), (1, 20), (3, 36), (2, 72), (6, 384), (12, 768), (16, 1024)]  # heads, width


def runner_of(n_head: int, n_embd: int, dtype: str = "float32") -> CausalRunner:
    config = TransformerConfig(
        n_layer=2 if n_embd < 100 else 1,
        n_head=n_head,
        n_embd=n_embd,
        block_size=64,
        input_vocab_size=100,
        output_vocab_size=100,
    )
    generator = torch.Generator().manual_seed(n_embd)
    tensors = {
        name: torch.randn(tensor.shape, generator=generator) / max(1, tensor.ndim - 1) ** 0.5
        for name, tensor in CausalModel(config).state_dict().items()
    }
    heads = (tuple(range(41)), tuple(range(50, 100)))
    plan = CausalPlan("coarse", config, SLOTS, SLOTS, heads)
    return CausalRunner(plan, tensors, place("cpu", dtype))


def prefill(runner: CausalRunner, slot: int) -> None:
    ids = np.random.default_rng(slot).integers(0, 100, 5 + 3 * slot)
    runner.prefill(runner.embed(ids), slot, head=0)
    runner.commit((slot,), ids.size)


@pytest.mark.parametrize(("n_head", "n_embd"), WIDTHS)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_logits_are_equal_bit_for_bit(n_head: int, n_embd: int, dtype: str) -> None:
    runner = runner_of(n_head, n_embd, dtype)
    for slot in range(SLOTS):
        prefill(runner, slot)
    tokens = [7 * slot for slot in range(SLOTS)]
    heads = [slot % 2 for slot in range(SLOTS)]
    # A step without commit can be repeated: its position is written again.
    alone = [runner.step([tokens[slot]], [slot], [heads[slot]])[0].copy() for slot in range(SLOTS)]
    rng = np.random.default_rng(n_embd)
    for count in [*range(1, SLOTS + 1)] * 2:
        slots = rng.permutation(SLOTS)[:count].tolist()
        made = runner.step([tokens[slot] for slot in slots], slots, [heads[slot] for slot in slots])
        for slot, logits in zip(slots, made, strict=True):
            np.testing.assert_array_equal(logits, alone[slot])


@pytest.mark.skipif(not packed.is_available(torch.float32), reason="this torch has no oneDNN")
def test_the_fused_products_equal_the_plain_ones() -> None:
    plain = Linear(40, 24)
    generator = torch.Generator().manual_seed(0)
    plain.weight.data.normal_(generator=generator)
    fused = packed.PackedLinear(plain)
    x = torch.randn(5, 40, generator=generator)
    residual = torch.randn(5, 24, generator=generator)
    torch.testing.assert_close(fused(x), plain(x))
    torch.testing.assert_close(fused.gelu(x), plain.gelu(x))
    torch.testing.assert_close(fused.added_to(residual, x), plain.added_to(residual, x))
    assert packed.rows_are_independent(torch.nn.ModuleList([fused]), 8)


def test_kernels_that_mix_rows_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The start-up measurement is what stands between such a machine and a broken promise."""
    real = packed.PackedLinear.forward

    def mixing(self: packed.PackedLinear, x: torch.Tensor) -> torch.Tensor:
        return real(self, x) * (1 + 1e-6 * x.shape[0])

    monkeypatch.setattr(packed.PackedLinear, "forward", mixing)
    runner = runner_of(2, 16)
    assert runner.rule.most == 1
    monkeypatch.undo()
    assert runner_of(2, 16).rule.most == SLOTS


def test_without_onednn_rows_run_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "is_available", lambda dtype: False)
    runner = runner_of(2, 16)
    assert runner.rule.most == 1
    for slot in range(3):
        prefill(runner, slot)
    together = runner.step([1, 2, 3], [0, 1, 2], [0, 1, 0])
    for slot in range(3):
        (alone,) = runner.step([slot + 1], [slot], [slot % 2])
        np.testing.assert_array_equal(alone, together[slot])

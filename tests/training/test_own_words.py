"""Coarse windows that continue what the network itself would have said."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from training.layout.coarse import flatten  # noqa: E402
from training.models.causal import CausalModel  # noqa: E402
from training.recipe import Recipe  # noqa: E402
from training.tokens.ids import token_ids  # noqa: E402
from training.train_coarse import own_words, sizes  # noqa: E402

RECIPE = Recipe()
IDS = token_ids(RECIPE)


def _windows() -> torch.Tensor:
    random = np.random.default_rng(0)
    slots = np.full(RECIPE.max_coarse_input, IDS.coarse_pad)
    rows = []
    for frames in (20, 12):
        coarse = flatten(random.integers(0, IDS.codebook_size, (2, frames)), IDS)
        row = np.concatenate([slots, [IDS.coarse_infer], coarse])
        rows.append(np.pad(row, (0, 125 - len(row)), constant_values=IDS.coarse_pad))
    return torch.from_numpy(np.stack(rows))


def _model() -> CausalModel:
    torch.manual_seed(0)
    return CausalModel(sizes(RECIPE, IDS, 1, 64, 0.0))


def test_nothing_changes_where_nothing_is_replaced() -> None:
    inputs = _windows()
    assert torch.equal(own_words(_model(), inputs, torch.zeros(2), RECIPE, IDS), inputs)


def test_what_is_replaced_is_of_the_same_book_and_the_rest_stays() -> None:
    inputs = _windows()
    made = own_words(_model(), inputs, torch.tensor([1.0, 0.0]), RECIPE, IDS)
    first = RECIPE.max_coarse_input + 1
    assert torch.equal(made[:, :first], inputs[:, :first])
    assert torch.equal(made[1], inputs[1])
    assert (made[0, first:] != inputs[0, first:]).float().mean() > 0.9
    for book in range(2):
        ids = made[0, first + book :: 2] - IDS.semantic_vocabulary - book * IDS.codebook_size
        assert ((ids >= 0) & (ids < IDS.codebook_size)).all()


def test_pads_stay() -> None:
    inputs = _windows()
    made = own_words(_model(), inputs, torch.ones(2), RECIPE, IDS)
    pads = inputs == IDS.coarse_pad
    assert pads[1, -1]
    assert (made[pads] == IDS.coarse_pad).all()


def test_what_is_said_follows_the_network() -> None:
    model = _model()
    wanted = IDS.semantic_vocabulary + 5
    with torch.no_grad():
        model.layernorm_final.weight.zero_()
        model.layernorm_final.weight[0] = 1.0
        model.lm_head.weight.zero_()
        # The sign of one number decides between two codes, by far.
        model.lm_head.weight[wanted, 0] = 100.0
        model.lm_head.weight[wanted + 1, 0] = -100.0
    made = own_words(model, _windows(), torch.ones(2), RECIPE, IDS)
    said = made[0, RECIPE.max_coarse_input + 1 :: 2]
    assert ((said == wanted) | (said == wanted + 1)).float().mean() > 0.9

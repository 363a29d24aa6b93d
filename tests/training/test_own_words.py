"""Coarse windows that continue what the network itself would have said."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from training.codec.codebooks import CORRECTIONS, LEVELS, MEL_PARTS  # noqa: E402
from training.codec.risk import spectra  # noqa: E402
from training.layout import coarse as layout  # noqa: E402
from training.layout.coarse import flatten  # noqa: E402
from training.layout.semantic import IGNORED, stack  # noqa: E402
from training.models.causal import CausalModel  # noqa: E402
from training.own_words import mended, own_words  # noqa: E402
from training.recipe import Recipe  # noqa: E402
from training.tokens.ids import token_ids  # noqa: E402
from training.train_coarse import Windows, sizes  # noqa: E402

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


def _spoken() -> tuple[Windows, torch.Tensor]:
    """Two windows of other lengths, and tables."""
    random = np.random.default_rng(1)
    inputs, targets, codes = [], [], []
    for tokens in (40, 25):
        semantic = random.integers(0, IDS.semantic_vocabulary, tokens)
        spoken = random.integers(0, IDS.codebook_size, (8, 2 * tokens))
        voice = layout.voice(semantic, spoken, RECIPE, IDS)
        x, y = layout.window(voice, semantic, flatten(spoken[:2], IDS), 1, None, RECIPE, IDS)
        inputs.append(x)
        targets.append(y)
        codes.append(layout.window_codes(voice, spoken, 1, RECIPE))
    padded = [np.pad(c, ((0, 0), (0, codes[0].shape[1] - c.shape[1]))) for c in codes]
    windows = Windows(
        torch.from_numpy(stack(inputs, IDS.coarse_pad)),
        torch.from_numpy(stack(targets, IGNORED)),
        torch.from_numpy(np.stack(padded)),
    )
    torch.manual_seed(2)
    return windows, torch.randn(8, IDS.codebook_size, MEL_PARTS) / 2.0 ** torch.arange(8)[
        :, None, None
    ]


def test_codes_of_a_window_are_those_of_its_coarse_tokens() -> None:
    windows, _ = _spoken()
    first = RECIPE.max_coarse_input + 1
    for row, codes in zip(windows.inputs, windows.codes, strict=True):
        tokens = row[first:]
        tokens = tokens[tokens != IDS.coarse_pad]
        books = codes[:2, : -(-len(tokens) // 2)].T.reshape(-1)[: len(tokens)]
        offsets = IDS.semantic_vocabulary + IDS.codebook_size * (torch.arange(len(tokens)) % 2)
        assert torch.equal(tokens, books + offsets)


def test_book_1_corrects_the_book_0_that_is_there() -> None:
    windows, tables = _spoken()
    first = RECIPE.max_coarse_input + 1
    inputs = windows.inputs.clone()
    changed = inputs[:, first::2]
    base = IDS.semantic_vocabulary
    changed[changed != IDS.coarse_pad] = base + 7
    made = mended(inputs, windows.targets, windows.codes, tables, IDS, first)
    assert torch.equal(made[:, first - 1 :: 2], windows.targets[:, first - 1 :: 2])
    assert torch.equal(made == IGNORED, windows.targets == IGNORED)
    codes = made[:, first::2] - base - IDS.codebook_size
    known = windows.targets[:, first::2] != IGNORED
    wanted = spectra(windows.codes, tables)[:, : codes.shape[1]][known]
    level = (windows.codes[:, 1, : codes.shape[1]] // CORRECTIONS)[known].clamp(max=LEVELS)
    assert torch.equal((codes[known] // CORRECTIONS).clamp(max=LEVELS), level)
    for code, pitch, spectrum in zip(codes[known][:40], level, wanted, strict=False):
        entries = torch.arange(IDS.codebook_size)
        own = entries[(entries // CORRECTIONS).clamp(max=LEVELS) == pitch]
        table = tables[1, own % CORRECTIONS] if pitch < LEVELS else tables[1, own]
        missed = (spectrum - tables[0, 7] - table).square().sum(1)
        assert int(code) == int(own[missed.argmin()])

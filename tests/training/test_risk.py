"""Training for what is nearest on average, and a fine stage that reads its own books."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from training.codec.codebooks import CORRECTIONS, LEVELS, MEL_PARTS  # noqa: E402
from training.codec.risk import TEMPERATURE, distances_of, distances_with_corrections, risk, spectra  # noqa: E402
from training.layout import fine as layout  # noqa: E402
from training.layout.semantic import IGNORED  # noqa: E402
from training.models.fine import FineModel, FineSizes  # noqa: E402
from training.recipe import Recipe  # noqa: E402
from training.tokens.ids import token_ids  # noqa: E402
from training.train_fine import Windows, filled, losses  # noqa: E402

RECIPE = Recipe()
IDS = token_ids(RECIPE)


def test_risk_is_the_mean_squared_distance_of_draws() -> None:
    torch.manual_seed(0)
    logits, table, wanted = torch.randn(3, 50), torch.randn(50, 4), torch.randn(3, 4)
    draws = torch.multinomial((logits / TEMPERATURE).softmax(-1), 40_000, replacement=True)
    drawn = (table[draws] - wanted[:, None]).square().sum(-1).mean(1)
    torch.testing.assert_close(
        risk(logits, distances_of(table, wanted)), drawn, rtol=0.05, atol=0.02
    )


def test_least_risk_is_on_the_code_nearest_to_the_mean_of_what_may_be_wanted() -> None:
    table = torch.tensor([[0.0, 0.0], [1.0, 0.1], [-1.0, 0.1]])
    may_be = table[1:]  # either, as often
    sure = 30.0 * torch.eye(3)
    found = [
        risk(sure[code].expand(2, -1), distances_of(table, may_be)).mean() for code in range(3)
    ]
    assert int(torch.stack(found).argmin()) == 0


def _windows(frames: tuple[int, ...]) -> Windows:
    random = np.random.default_rng(0)
    inputs, fresh, codes = [], [], []
    for count in frames:
        history = random.integers(0, 1024, (8, 40))
        spoken = random.integers(0, 1024, (8, count))
        x, y = layout.example(history, spoken, 0, 2, RECIPE, IDS)
        inputs.append(x)
        fresh.append(y != IGNORED)
        codes.append(layout.columns(history, spoken, 0, RECIPE, IDS))
    return Windows(*(torch.from_numpy(np.stack(parts)) for parts in (inputs, fresh, codes)))


def _model() -> FineModel:
    torch.manual_seed(0)
    return FineModel(FineSizes(RECIPE.max_fine_input, 1, 1, 64)).eval()


def test_earlier_books_are_filled_with_what_the_network_says() -> None:
    windows, model = _windows((60, 150)), _model()
    made = filled(model, windows, 5, RECIPE, IDS)
    assert torch.equal(made[:, :2], windows.inputs[:, :2])
    assert torch.equal(made[:, 5:], windows.inputs[:, 5:])
    ended = windows.codes[:, 0] == IDS.fine_pad
    assert (made[:, 2:5].transpose(1, 2)[ended] == layout.AFTER_END).all()
    history = made[:, 2:5, :40]
    assert torch.equal(history, windows.codes[:, 2:5, :40])
    wanted = model(made, 4)[..., :1024].argmax(-1)
    sounding = windows.fresh & ~ended
    assert torch.equal(made[:, 4][sounding], wanted[sounding])


def test_loss_is_a_share_of_what_is_left_to_say() -> None:
    windows, model = _windows((60, 9)), _model()
    tables = torch.randn(8, 1024, MEL_PARTS)
    tables[2] = 0.0  # a book that can say nothing leaves everything
    ears = torch.nn.ModuleList(torch.nn.Linear(model.sizes.width, MEL_PARTS) for _ in range(8))
    for ear in ears:  # that hear nothing
        torch.nn.init.zeros_(ear.weight)
        torch.nn.init.zeros_(ear.bias)
    share, nats, after, missed = losses(model, ears, windows.inputs, windows, 2, tables, IDS)
    assert float(missed.detach()) == pytest.approx(1.0, abs=1e-4)
    assert float(share.detach()) == pytest.approx(1.0, abs=1e-4)
    assert nats > 0
    assert after > 0
    tables[2] = 9.0  # one that can only say what was said leaves little
    assert losses(model, ears, windows.inputs, windows, 2, tables, IDS)[0] < 0.1


def test_spectra_add_up() -> None:
    tables = torch.randn(8, 1024, MEL_PARTS)
    codes = torch.randint(0, 1024, (2, 3, 4))
    wanted = tables[0][codes[:, 0]] + tables[1][codes[:, 1]] + tables[2][codes[:, 2]]
    torch.testing.assert_close(spectra(codes, tables), wanted)


def test_a_shape_is_as_far_off_as_its_best_correction_leaves_it() -> None:
    torch.manual_seed(0)
    tables = torch.randn(8, 1024, MEL_PARTS)
    wanted, voiced = torch.randn(6, MEL_PARTS), torch.arange(6) % 2 == 0
    found = distances_with_corrections(tables, wanted, voiced)
    for row, spectrum, is_voiced in zip(found, wanted, voiced, strict=True):
        last = LEVELS * CORRECTIONS
        options = tables[1, :CORRECTIONS] if is_voiced else tables[1, last:]
        for shape in (0, 17, 1023):
            missed = (spectrum - tables[0, shape] - options).square().sum(1).min()
            assert float(row[shape]) == pytest.approx(float(missed), rel=1e-4)

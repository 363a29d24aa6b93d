"""The fine network's start: what its embeddings say of the codebooks."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from training.codec.codebooks import LATENT, MEL_PARTS  # noqa: E402
from training.models.fine import FineModel, FineSizes, know_codebooks  # noqa: E402


def _tables() -> np.ndarray:
    random = np.random.default_rng(0)
    tables = random.normal(size=(8, 1024, LATENT)) * 0.7 ** np.arange(8)[:, None, None]
    tables[2:, :, MEL_PARTS:] = 0.0
    return tables.astype(np.float32)


def test_the_sum_of_embeddings_is_what_the_books_have_said() -> None:
    tables = _tables()
    model = FineModel(FineSizes(16, 1, 2, 128))
    know_codebooks(model, tables)
    codes = np.random.default_rng(1).integers(0, 1024, (8, 30))
    rows = [model.input_embeds_layers[b].weight[torch.from_numpy(codes[b])] for b in range(8)]
    total = torch.stack(rows).sum(0)[:, :LATENT].detach().numpy()
    said = sum(tables[b, codes[b]] for b in range(8))
    factor = (total * said).sum() / (said * said).sum()
    np.testing.assert_allclose(total, factor * said, atol=1e-5)


def test_a_head_can_find_the_nearest_code() -> None:
    tables = _tables()
    model = FineModel(FineSizes(16, 1, 2, 128))
    know_codebooks(model, tables)
    book = 3
    random = np.random.default_rng(2)
    scale = np.sqrt((tables[book, :, :MEL_PARTS] ** 2).mean())
    rest = random.normal(size=(50, MEL_PARTS)).astype(np.float32) * scale
    distances = ((rest[:, None] - tables[book, None, :, :MEL_PARTS]) ** 2).sum(-1)
    scaled = tables[book, :, :MEL_PARTS] / scale
    spread = (scaled**2).sum(1).std()
    hidden = np.zeros((50, 128), np.float32)
    hidden[:, LATENT : LATENT + MEL_PARTS] = rest / scale
    hidden[:, LATENT + MEL_PARTS] = 0.5 * spread
    heads = model.lm_heads[book - 1].weight[:1024].detach().numpy()
    assert ((hidden @ heads.T).argmax(1) == distances.argmin(1)).mean() > 0.95

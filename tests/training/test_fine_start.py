"""The fine network's start: what its embeddings say of the codebooks."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from training.codec.codebooks import LATENT, MEL_PARTS  # noqa: E402
from training.models.aligned import _NEIGHBOURS, look_around  # noqa: E402
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


@torch.no_grad()
def test_heads_look_at_their_neighbours() -> None:
    torch.manual_seed(0)
    model = FineModel(FineSizes(256, 3, 6, 192))
    know_codebooks(model, _tables())
    look_around(model)
    codes = torch.from_numpy(np.random.default_rng(1).integers(0, 1024, (1, 8, 256)))
    x = model.position_embeds_layer(torch.arange(256))
    x = x + sum(model.input_embeds_layers[book](codes[:, book]) for book in range(3))
    for layer, offsets in zip(model.layers, _NEIGHBOURS, strict=True):
        parts = layer.attn.att_proj(layer.layernorm_1(x)).view(256, 3, 6, 32)
        query, key, _ = parts.permute(1, 2, 0, 3)
        weights = (query @ key.transpose(-1, -2) / 32**0.5).softmax(-1)
        for head, offset in enumerate(offsets):
            there = torch.diagonal(weights[head], offset=offset)
            assert float(there.mean()) > 0.5, (head, offset)
        x = layer(x)


def test_a_network_too_narrow_for_places_is_refused() -> None:
    with pytest.raises(ValueError, match="no room"):
        look_around(FineModel(FineSizes(16, 1, 4, 128)))

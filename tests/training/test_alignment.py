"""What the networks are shown so that they need not find it out: who belongs to whom."""

import numpy as np
import torch

from training.layout import coarse
from training.layout.alignment import last_pointers, next_pointers, spoken_pieces
from training.layout.semantic import IGNORED
from training.models.aligned import align
from training.models.causal import CausalModel
from training.recipe import Recipe
from training.tokens.ids import token_ids
from training.tokens.semantic import (
    CLASSES,
    FIRST_POINTER,
    GAP,
    PITCH_BINS,
    phone_string,
    point,
    sounds_of,
)
from training.train_coarse import sizes
from training.train_semantic import _guidance

RECIPE = Recipe()
IDS = token_ids(RECIPE)


def _spoken(phones: str) -> np.ndarray:
    return np.array([CLASSES.index(p) * PITCH_BINS + 1 for p in phones])


def test_every_phone_belongs_to_a_piece_of_its_word() -> None:
    pieces = ["▁ꜱ", "ᴡ", "ˈɪ", "ᴍ", "▁ɴ", "ˈᴀ", ",", "▁ˈɔ", "ʟ", "."]
    found = spoken_pieces(pieces, _spoken("__swɪm nA,,ɔl__"), 128)
    assert found.tolist() == [0, 0, 0, 1, 2, 3, 4, 4, 5, 7, 7, 7, 8, 9, 9, 9]


def test_phones_share_the_letters_of_a_word_that_is_spelled() -> None:
    found = spoken_pieces(["▁o", "w", "e", "s", "!"], _spoken("OOz"), 128)
    assert found.tolist() == [1, 1, 3, 4]


def test_words_that_cannot_be_counted_off_are_not_guessed_at() -> None:
    found = spoken_pieces(["▁ɪ", "ᴛ", "▁ɪ", "ᴢ"], _spoken("ɪt ɪz nIn"), 128)
    assert found.tolist() == [IGNORED] * 10
    assert spoken_pieces(["."], _spoken("__"), 128).tolist() == [IGNORED] * 3


def test_the_last_token_before_a_word_points_at_it() -> None:
    pieces = spoken_pieces(["▁ᴀ", "▁ʙ", "ı", ",", "▁ꜱ", "ı"], _spoken("__A bi,,si_"), 128)
    pointed = point(_spoken("__A bi,,si_"), pieces[:-1])
    plain = _spoken("__A bi,,si_")
    changed = np.flatnonzero(pointed != plain)
    assert changed.tolist() == [1, 3, 7]
    assert (pointed[changed] - FIRST_POINTER).tolist() == [0, 1, 4]
    assert phone_string(pointed) == "Abisi"
    assert (sounds_of(pointed)[changed] == GAP).all()
    assert np.array_equal(point(plain, np.full(len(plain), IGNORED)), plain)
    assert last_pointers(pointed, 50).tolist() == [49, 49, 51, 51, *[53] * 4, *[57] * 4]
    assert next_pointers(pointed, 9).tolist() == [0, 0, 1, 1, *[4] * 4, *[9] * 4]
    assert (last_pointers(plain, 50) == IGNORED).all()
    assert (next_pointers(plain, 9) == IGNORED).all()


def test_pieces_that_the_model_does_not_see_are_left_out() -> None:
    found = spoken_pieces(["▁æ", "▁ʙ", "ı"], _spoken("æ bi"), 1)
    assert found.tolist() == [0, IGNORED, IGNORED, IGNORED, IGNORED]


def test_coarse_tokens_begin_by_looking_at_their_semantic_token() -> None:
    torch.manual_seed(0)
    model = CausalModel(sizes(RECIPE, IDS, 2, 256, 0.0))
    align(model, RECIPE)
    random = np.random.default_rng(0)
    semantic = random.integers(0, IDS.semantic_vocabulary, 80)
    codes = random.integers(0, 1024, (8, 160))
    flat = coarse.flatten(codes[:2], IDS)
    voice = coarse.voice(semantic, codes, RECIPE, IDS)
    for number in (0, 4):
        inputs, _ = coarse.window(voice, semantic, flat, number, None, RECIPE, IDS)
        look: list[torch.Tensor] = []
        with torch.inference_mode():
            model(model.embed(torch.from_numpy(inputs)[None]), looks={0: look})
        query, key = look
        first = RECIPE.max_coarse_input  # the infer token predicts coarse token 0
        looked_at = (query[0, first:] @ key[0].T).argmax(-1).numpy()
        behind = looked_at - np.arange(len(looked_at)) / RECIPE.coarse_per_semantic
        assert np.abs(behind).max() <= 1, "not its own semantic token nor a neighbour"


def test_guidance_sees_no_later_position_and_pays_for_the_right_one() -> None:
    key = torch.eye(6)[None] * 20
    pieces = torch.tensor([[1, 2, IGNORED]])
    right = torch.eye(6)[None][:, [0, 0, 0, 1, 2, 0]] * 20
    assert float(_guidance(right, key, pieces)) < 1e-3
    late = torch.eye(6)[None][:, [0, 0, 0, 5, 5, 5]] * 20  # behind each query's own position
    assert abs(float(_guidance(late, key, pieces)) - (np.log(4) + np.log(5)) / 2) < 1e-3

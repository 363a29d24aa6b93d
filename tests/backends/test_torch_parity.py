"""The torch back end against the transformers package's Bark: greedy, token for token."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from bark_core.backends.base import FineOutput, FinePass, FineRow
from bark_core.backends.torch.backend import TorchBackend
from bark_core.config import BarkConfig
from bark_core.options import SamplingParams
from bark_core.sampling import DrawKey, Stage, draw_fine, draw_token
from bark_core.voices import Voice
from tests.support.drive import (
    SemanticJob,
    coarse_draw,
    drive_coarse_window,
    drive_codec,
    drive_fine,
    drive_semantic,
    run,
    wide,
)
from tests.support.reference import (
    make_random_hf_bark,
    random_voice,
    reference_decode,
    reference_fine,
    reference_semantic,
    stage_state_dicts,
)
from tests.support.tiny import tiny_config

SHAPES = {"flat": (1, 1, 8), "two layers": (2, 2, 16), "odd width": (2, 3, 36), "wide": (1, 3, 192)}
TEXTS = ((1,), (5, 3, 9), tuple(range(10)), tuple(range(20)))  # the last is cut at 10


@cache
def bark(shape: str, seed: int = 0) -> tuple[BarkConfig, Any, TorchBackend]:
    n_layer, n_head, n_embd = SHAPES[shape]
    config = tiny_config(n_layer=n_layer, n_head=n_head, n_embd=n_embd)
    hf_bark = make_random_hf_bark(config, seed)
    tensors = stage_state_dicts(hf_bark)
    return config, hf_bark, TorchBackend(config, tensors.__getitem__, wide(2), device="cpu")


def voice_of(config: BarkConfig, n_semantic: int | None) -> Voice | None:
    return None if n_semantic is None else random_voice(config, 1, n_semantic=n_semantic)


@pytest.mark.parametrize("history", [None, 3, 10, 33])
@pytest.mark.parametrize("shape", SHAPES)
def test_semantic_tokens(shape: str, history: int | None) -> None:
    config, hf_bark, backend = bark(shape)
    voice = voice_of(config, history)
    for text, allow_eos in zip(TEXTS, (False, True, True, False), strict=True):
        expected = reference_semantic(hf_bark, config, text, voice, allow_early_stop=allow_eos)
        job = SemanticJob(config, text, voice, allow_eos=allow_eos)
        assert drive_semantic(backend, job) == expected


def test_semantic_ends() -> None:
    """The end rule at every moment: at once, after one token, later, never."""
    lengths = set()
    for seed in range(2):
        config, hf_bark, backend = bark("two layers", seed)
        for text in TEXTS[:2]:
            for min_eos_p in (1e-9, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0):
                expected = reference_semantic(hf_bark, config, text, min_eos_p=min_eos_p)
                job = SemanticJob(config, text, min_eos_p=min_eos_p)
                assert drive_semantic(backend, job) == expected
                lengths.add(len(expected))
    assert {0, 1, 2, config.semantic.max_new_tokens} <= lengths  # the cases are really there


@pytest.mark.parametrize("length", [1, 2, 33, 80])
@pytest.mark.parametrize("shape", SHAPES)
def test_coarse_tokens(shape: str, length: int) -> None:
    config, hf_bark, backend = bark(shape)
    ids = np.random.default_rng(length).integers(0, config.coarse.infer_token + 1, length)
    made = drive_coarse_window(backend, ids, n_tokens=20)
    size, first = config.coarse.codebook_size, config.semantic.vocab_size
    context = ids.tolist()
    for step in range(20):  # the reference without a cache, only the ids of the step's codebook
        start = first + step % 2 * size
        with torch.no_grad():
            logits = hf_bark.coarse_acoustics(input_ids=torch.tensor([context])).logits[0, -1]
        context.append(start + int(logits[start : start + size].argmax()))
    assert made == context[length:]


@pytest.mark.parametrize("history", [None, 5, 33])
@pytest.mark.parametrize("shape", SHAPES)
def test_fine_codes(shape: str, history: int | None) -> None:
    config, hf_bark, backend = bark(shape)
    voice = voice_of(config, history)
    n_coarse = config.coarse.n_codebooks
    for frames in (1, 2, 15, 16, 17, 24, 31, 32, 33, 48, 49, 77):
        coarse = np.random.default_rng(frames).integers(
            0, config.coarse.codebook_size, (n_coarse, frames)
        )
        expected = reference_fine(hf_bark, config, coarse, voice)
        np.testing.assert_array_equal(drive_fine(backend, config, coarse, voice), expected)


@pytest.mark.parametrize("cuts", [(), (1, 2, 3, 4, 5, 6, 7, 8), (7,), (10, 20)])
def test_codec_samples(cuts: tuple[int, ...]) -> None:
    config, hf_bark, backend = bark("flat")
    shape = (config.fine.n_codebooks, 31)
    codes = np.random.default_rng(0).integers(0, config.codec.codebook_size, shape)
    expected = reference_decode(hf_bark, codes)
    made = drive_codec(backend, codes, cuts)
    np.testing.assert_allclose(made, expected, rtol=1e-4, atol=1e-4)
    assert np.abs(made).max() > 1  # not clipped


def test_draws_have_their_own_keys() -> None:
    """With a temperature: the reference's logits and the documented key give the same codes."""
    config, hf_bark, backend = bark("two layers")
    warm, size = SamplingParams(0.9, top_k=9), config.coarse.codebook_size
    ids = np.arange(40)
    context = ids.tolist()
    for step in range(12):
        start = config.semantic.vocab_size + step % 2 * size
        with torch.no_grad():
            logits = hf_bark.coarse_acoustics(input_ids=torch.tensor([context])).logits[0, -1]
        key = coarse_draw(step, warm, seed=3).key
        context.append(start + draw_token(logits[start : start + size].numpy(), warm, key))
    assert drive_coarse_window(backend, ids, 12, warm, seed=3) == context[40:]

    shape = (config.fine.n_codebooks, 20)
    codes = np.random.default_rng(0).integers(0, size, shape)
    row = FineRow(codes, fill_start=5, key=DrawKey(3, 1, Stage.FINE, 2), temperature=0.6)
    (made,) = run(backend, FinePass((row,)), FineOutput).codes
    expected = torch.tensor(codes)
    for book in range(config.coarse.n_codebooks, config.fine.n_codebooks):
        with torch.no_grad():
            of_book = hf_bark.fine_acoustics(book, expected.t()[None]).logits[0, 5:, :size]
        drawn = draw_fine(of_book.numpy(), 0.6, row.key.with_codebook(book))
        expected[book, 5:] = torch.tensor(drawn)
    np.testing.assert_array_equal(made, expected.numpy())

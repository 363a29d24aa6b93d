"""The float32 graphs give the tokens of the torch back end, greedily, and the same samples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bark_core.backends.base import (
    AudioOutput,
    Backend,
    CodecDecode,
    CodecRow,
    FineOutput,
    FinePass,
    FineRow,
)
from bark_core.backends.onnx import layout
from bark_core.backends.torch.backend import TorchBackend
from bark_core.config import BarkConfig, CodecConfig
from bark_core.sampling import DrawKey, Stage
from tests.support.drive import (
    SemanticJob,
    drive_coarse_window,
    drive_codec,
    drive_fine,
    drive_semantic,
    run,
    wide,
)
from tests.support.onnx_models import convert, open_backend, random_weights
from tests.support.reference import random_voice
from tests.support.tiny import tiny_config, with_codec

DEEP_CODEC = CodecConfig(
    n_filters=4, hidden_size=12, codebook_size=16, n_residual_layers=2, n_lstm_layers=1
)


@dataclass(frozen=True)
class Pair:
    """The same weights in both back ends."""

    config: BarkConfig
    onnx: Backend
    torch: Backend

    def both(self) -> tuple[Backend, Backend]:
        for backend in (self.onnx, self.torch):
            backend.reset(range(backend.limits.slots))
        return self.onnx, self.torch

    def codes(self, seed: int, frames: int) -> NDArray[np.int64]:
        fine = self.config.fine
        shape = (fine.n_codebooks, frames)
        return np.random.default_rng(seed).integers(0, fine.codebook_size, shape)


@pytest.fixture(
    scope="module",
    params=[
        tiny_config(),
        tiny_config(n_layer=1, n_head=3, n_embd=96),
        with_codec(tiny_config(n_layer=1), DEEP_CODEC),
    ],
    ids=["two-layers", "wide", "deep-codec"],
)
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    config: BarkConfig = request.param
    weights = random_weights(config, seed=5)
    graphs = convert(tmp_path_factory.mktemp("onnx") / "graphs", config, weights, "float32")
    torch = TorchBackend(config, weights.__getitem__, wide(3), device="cpu", dtype="float32")
    onnx = open_backend(graphs, config, "float32", wide(3))
    yield Pair(config, onnx, torch)
    onnx.close()
    torch.close()


@pytest.mark.parametrize("seed", range(4))
def test_semantic_tokens_are_equal(pair: Pair, seed: int) -> None:
    voice = random_voice(pair.config, seed, n_semantic=14) if seed else None
    job = SemanticJob(pair.config, tuple(range(seed, 9)), voice, allow_eos=False)
    made = [drive_semantic(backend, job, slot=seed % 3) for backend in pair.both()]
    assert made[0] == made[1]
    assert len(set(made[0])) > 5, "a constant proves nothing"


def test_utterances_end_at_the_same_token(pair: Pair) -> None:
    # A low threshold ends some of them early.
    jobs = [
        SemanticJob(pair.config, tuple(range(seed, 9)), min_eos_p=0.02 + 0.02 * seed)
        for seed in range(8)
    ]
    onnx, torch = pair.both()
    made = [drive_semantic(onnx, job) for job in jobs]
    assert made == [drive_semantic(torch, job) for job in jobs]
    assert len({len(tokens) for tokens in made}) > 1


@pytest.mark.parametrize("seed", range(4))
def test_coarse_tokens_are_equal(pair: Pair, seed: int) -> None:
    end = pair.config.semantic.vocab_size + 2 * pair.config.coarse.codebook_size
    ids = np.random.default_rng(seed).integers(0, end, 40 + seed)
    made = [drive_coarse_window(backend, ids, 12, slot=2) for backend in pair.both()]
    assert made[0] == made[1]
    assert len(set(made[0])) > 5


@pytest.mark.parametrize("frames", [3, 20, 49])
def test_fine_codes_are_equal(pair: Pair, frames: int) -> None:
    voice = random_voice(pair.config, frames, n_semantic=20) if frames > 3 else None
    coarse = pair.codes(frames, frames)[: pair.config.coarse.n_codebooks]
    onnx, torch = pair.both()
    expected = drive_fine(torch, pair.config, coarse, voice)
    np.testing.assert_array_equal(drive_fine(onnx, pair.config, coarse, voice), expected)


@pytest.mark.parametrize("fill_start", [0, 7, 19, 20])
def test_fine_draws_are_equal(pair: Pair, fill_start: int) -> None:
    key = DrawKey(9, 2, Stage.FINE, 1)
    batch = FinePass((FineRow(pair.codes(3, 20), fill_start, key, temperature=0.5),))
    made = [run(backend, batch, FineOutput).codes[0] for backend in pair.both()]
    np.testing.assert_array_equal(made[0], made[1])


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, 24), max_size=6), frames=st.integers(0, 24))
def test_codec_samples_are_equal_for_every_cut(pair: Pair, cuts: list[int], frames: int) -> None:
    codes = pair.codes(frames, frames)
    onnx, torch = pair.both()
    streamed = drive_codec(onnx, codes, tuple(min(cut, frames) for cut in cuts))
    whole = drive_codec(torch, codes)
    assert streamed.shape == whole.shape == (frames * pair.config.hop_samples,)
    np.testing.assert_allclose(streamed, whole, atol=1e-5 * max(1.0, np.abs(whole).max(initial=0)))


def test_codec_gives_samples_as_early_as_possible(pair: Pair) -> None:
    codes = pair.codes(0, 12)
    counts = [
        [
            run(
                backend,
                CodecDecode((CodecRow(0, codes[:, [frame]], final=False),)),
                AudioOutput,
            )
            .pcm[0]
            .size
            for frame in range(12)
        ]
        for backend in pair.both()
    ]
    assert counts[0] == counts[1]
    assert (
        counts[0].index(counts[0][-1] * 7) == layout.codec_lookahead_frames(pair.config.codec) - 1
    )


def test_a_new_stream_starts_after_a_final_row(pair: Pair) -> None:
    onnx, _ = pair.both()
    final = CodecDecode((CodecRow(0, pair.codes(0, 9), final=True),))
    first = run(onnx, final, AudioOutput).pcm[0]
    np.testing.assert_array_equal(run(onnx, final, AudioOutput).pcm[0], first)

"""The streaming decoder against the transformers package's EnCodec, for every cutting."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bark_core.config import BarkConfig, CodecConfig
from bark_core.models.codec import CodecDecoder
from bark_core.models.loading import build
from tests.support.reference import make_random_hf_bark, reference_decode, stage_state_dicts
from tests.support.tiny import tiny_config, with_codec

TINY = tiny_config().codec
CODECS = {
    "as published, narrower": TINY,
    "two LSTM layers fewer, wide kernels": replace(
        TINY, n_lstm_layers=1, kernel_size=5, last_kernel_size=9, residual_kernel_size=5
    ),
    "dilated residual layers": replace(TINY, n_residual_layers=3, compress=4),
    "small steps first, where residual blocks wait too": replace(
        TINY,
        kernel_size=3,
        upsampling_ratios=(2, 4, 5, 8),
        n_residual_layers=2,
        residual_kernel_size=7,
    ),
}
LENGTHS = (1, 2, 3, 6, 7, 8, 31)
TOLERANCE = 1e-4  # the audio here has a spread of 1.5


@cache
def models(name: str) -> tuple[BarkConfig, Any, CodecDecoder]:
    config = with_codec(tiny_config(), CODECS[name])
    hf_bark = make_random_hf_bark(config, seed=3)
    tensors = stage_state_dicts(hf_bark)["codec"]
    return config, hf_bark, build(lambda: decoder_of(config), tensors, "codec")


def decoder_of(config: BarkConfig) -> CodecDecoder:
    return CodecDecoder(config.codec, config.fine.n_codebooks)


def random_codes(config: BarkConfig, frames: int) -> torch.Tensor:
    shape = (config.fine.n_codebooks, frames)
    return torch.randint(
        config.codec.codebook_size, shape, generator=torch.Generator().manual_seed(frames)
    )


def stream(model: CodecDecoder, codes: torch.Tensor, cuts: list[int]) -> list[torch.Tensor]:
    """Samples of each piece; the pieces end at the cuts and at the end."""
    edges = [0, *sorted(cuts), codes.shape[1]]
    state = model.init_state()
    pieces = []
    with torch.inference_mode():
        for number in range(1, len(edges)):
            piece = codes[:, edges[number - 1] : edges[number]]
            samples, state = model.decode(piece, state, final=number == len(edges) - 1)
            pieces.append(samples)
    return pieces


@pytest.mark.parametrize("frames", LENGTHS)
@pytest.mark.parametrize("name", CODECS)
def test_one_shot_equals_the_reference(name: str, frames: int) -> None:
    config, hf_bark, model = models(name)
    codes = random_codes(config, frames)
    (audio,) = stream(model, codes, [])
    expected = reference_decode(hf_bark, codes.numpy())
    assert audio.shape == (frames * config.codec.hop_samples,)
    np.testing.assert_allclose(audio.numpy(), expected, rtol=TOLERANCE, atol=TOLERANCE)


@pytest.mark.parametrize("name", CODECS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_cutting_equals_the_reference(name: str, data: st.DataObject) -> None:
    config, hf_bark, model = models(name)
    frames = data.draw(st.sampled_from(LENGTHS))
    cuts = data.draw(st.lists(st.integers(0, frames), max_size=8))
    codes = random_codes(config, frames)
    audio = torch.cat(stream(model, codes, cuts))
    expected = reference_decode(hf_bark, codes.numpy())
    np.testing.assert_allclose(audio.numpy(), expected, rtol=TOLERANCE, atol=TOLERANCE)


@pytest.mark.parametrize("frames", LENGTHS)
def test_frame_by_frame_and_then_an_empty_flush(frames: int) -> None:
    config, hf_bark, model = models("as published, narrower")
    codes = random_codes(config, frames)
    pieces = stream(model, codes, list(range(1, frames + 1)))
    expected = reference_decode(hf_bark, codes.numpy())
    np.testing.assert_allclose(torch.cat(pieces).numpy(), expected, rtol=TOLERANCE, atol=TOLERANCE)
    # Seven frames must exist before the first sample; afterwards each gives its own at once.
    hop = config.codec.hop_samples
    wanted = [0] * 6 + [7 * hop] + [hop] * frames
    assert [piece.numel() for piece in pieces[:-1]] == wanted[:frames]


def test_the_published_size_streams_exactly() -> None:
    published = replace(CodecConfig(), codebook_size=TINY.codebook_size)
    config = with_codec(tiny_config(), published)
    hf_bark = make_random_hf_bark(config, seed=4)
    model = build(lambda: decoder_of(config), stage_state_dicts(hf_bark)["codec"], "codec")
    codes = random_codes(config, 31)
    audio = torch.cat(stream(model, codes, [3, 8, 9, 20])).numpy()
    expected = reference_decode(hf_bark, codes.numpy())
    np.testing.assert_allclose(audio, expected, rtol=1e-4, atol=1e-4 * expected.std())


def test_a_state_is_never_written_into() -> None:
    config, _, model = models("as published, narrower")
    codes = random_codes(config, 20)
    with torch.inference_mode():
        _, middle = model.decode(codes[:, :10], model.init_state(), final=False)
        once, _ = model.decode(codes[:, 10:], middle, final=False)
        again, _ = model.decode(codes[:, 10:], middle, final=False)
    assert torch.equal(once, again)


def test_an_empty_utterance_is_silence_of_no_length() -> None:
    config, _, model = models("as published, narrower")
    nothing = torch.zeros(config.fine.n_codebooks, 0, dtype=torch.int64)
    assert [piece.numel() for piece in stream(model, nothing, [0, 0])] == [0, 0, 0]

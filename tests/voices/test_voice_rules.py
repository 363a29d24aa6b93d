"""Every range and ratio that the reference checks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bark_core.config import SMALL, published
from bark_core.errors import VoiceDataError
from bark_core.voices import Voice, validate
from tests.support.reference import random_voice

CONFIG = published("bark-small", SMALL)


def reference_accepts(voice: Voice) -> bool:
    """The assertions of suno-ai/bark ``bark/generation.py``, written out once more."""
    ratio = 75 / 49.9 * 2
    semantic, coarse, fine = voice.semantic, voice.coarse, voice.fine
    return bool(
        semantic.ndim == 1
        and len(semantic) > 0
        and semantic.min() >= 0
        and semantic.max() <= 10_000 - 1
        and coarse.ndim == 2
        and coarse.shape[0] == 2
        and coarse.shape[1] > 0
        and coarse.min() >= 0
        and coarse.max() <= 1024 - 1
        and round(coarse.shape[-1] / len(semantic), 1) == round(ratio / 2, 1)
        and fine.ndim == 2
        and fine.shape[0] == 8
        and fine.shape[1] > 0
        and fine.min() >= 0
        and fine.max() <= 1024 - 1
    )


def accepted(voice: Voice) -> bool:
    try:
        validate(voice, CONFIG)
    except VoiceDataError:
        return False
    return True


@st.composite
def voices(draw: st.DrawFn) -> Voice:
    """Voices that are right but for at most a few things."""
    tokens = draw(st.integers(0, 40))
    frames = draw(st.one_of(st.just(round(tokens * 75 / 49.9)), st.integers(0, 70)))
    fine_frames = draw(st.one_of(st.just(frames), st.integers(0, 70)))

    def codes(shape: tuple[int, ...], limit: int) -> NDArray[np.int64]:
        array = np.full(shape, draw(st.sampled_from([0, 1, limit - 1])), np.int64)
        if array.size and draw(st.integers(0, 5)) == 0:
            array.flat[draw(st.integers(0, array.size - 1))] = draw(
                st.sampled_from([-1, limit - 1, limit, 2**40])
            )
        return array

    rows = draw(st.sampled_from([2, 2, 2, 2, 1, 3]))
    fine_rows = draw(st.sampled_from([8, 8, 8, 8, 7, 9]))
    return Voice(
        semantic=codes((tokens,), 10_000),
        coarse=codes((rows, frames), 1024),
        fine=codes((fine_rows, fine_frames), 1024),
    )


@given(voice=voices())
def test_agrees_with_the_reference(voice: Voice) -> None:
    assert accepted(voice) == reference_accepts(voice)


@given(
    tokens=st.integers(1, 400),
    frames=st.integers(1, 700),
)
def test_ratio_agrees_with_the_reference(tokens: int, frames: int) -> None:
    voice = random_voice(CONFIG, 0, n_semantic=tokens, n_frames=frames)
    assert accepted(voice) == reference_accepts(voice)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"semantic": np.zeros((2, 3), np.int64)}, r"semantic_prompt has the shape \[2, 3\]"),
        ({"semantic": np.zeros(0, np.int64)}, "semantic_prompt has the length 0"),
        ({"semantic": np.full(100, 10_000)}, "semantic_prompt holds values from 10000"),
        ({"coarse": np.full((2, 150), -1)}, "coarse_prompt holds values from -1"),
        ({"fine": np.zeros((7, 150), np.int64)}, r"fine_prompt has the shape \[7, 150\]"),
        ({"fine": np.zeros((8, 20_000), np.int64)}, "fine_prompt has the length 20000"),
        ({"coarse": np.zeros((2, 100), np.int64)}, "100 frames for 100 semantic tokens"),
    ],
)
def test_the_message_names_the_array(change: dict[str, Any], message: str) -> None:
    voice = replace(random_voice(CONFIG, 0, n_semantic=100), **change)
    with pytest.raises(VoiceDataError, match=message) as caught:
        validate(voice, CONFIG)
    assert caught.value.field == "voice"

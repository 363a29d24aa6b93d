"""Options that could never work are refused where they are made."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from bark_core.engine.request import Pacing
from bark_core.errors import OptionError
from bark_core.options import ExactWindows, LowLatencyWindows, SamplingParams, SynthesisOptions


@pytest.mark.parametrize(
    ("make", "field", "value"),
    [
        *((SamplingParams, "temperature", value) for value in (-0.1, 10.1, math.nan)),
        *((SamplingParams, "top_k", value) for value in (0, -1)),
        *((SamplingParams, "top_p", value) for value in (0, 1.1, math.nan)),
        # Pieces of no frames would be decoded for ever.
        *((ExactWindows, "codec_chunk_frames", value) for value in (0, -75, 1025)),
        *((LowLatencyWindows, "lookahead_semantic_tokens", value) for value in (-1, 237)),
        *((LowLatencyWindows, "ramp_frames", value) for value in ((), (0,), (15, 385))),
        *((LowLatencyWindows, "fine_lookahead_frames", value) for value in (-1, 129)),
        *((LowLatencyWindows, "fine_history_frames", value) for value in (-1, 513)),
        *((LowLatencyWindows, "coarse_history_tokens", value) for value in (0, 59, 631)),
        *((LowLatencyWindows, "coarse_ramp_steps", value) for value in ((), (60, 0), (769,))),
        *((SynthesisOptions, "seed", value) for value in (-1, 2**63)),
        *((Pacing, "max_lead_s", value) for value in (-0.1, math.nan)),
        *((Pacing, "first_audio_target_s", value) for value in (-0.1, math.nan)),
    ],
)
def test_out_of_range(make: Callable[..., object], field: str, value: Any) -> None:
    with pytest.raises(OptionError) as caught:
        make(**{field: value})
    assert caught.value.field == field.removesuffix("_s")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("min_eos_p", value) for value in (0, 1.1, math.nan)),
        *(("max_duration_s", value) for value in (0, 60.1, math.nan)),
        ("fine", SamplingParams(top_k=5)),
        ("fine", SamplingParams(top_p=0.5)),
    ],
)
def test_out_of_range_for_an_utterance(field: str, value: Any) -> None:
    with pytest.raises(OptionError) as caught:
        SynthesisOptions(seed=0, **{field: value})
    assert caught.value.field == field


def test_the_ends_of_the_ranges_are_in_range() -> None:
    SamplingParams(temperature=0, top_k=1, top_p=1)
    ExactWindows(codec_chunk_frames=1)
    LowLatencyWindows(0, (1, 384), 0, 0, 60, (1, 768))
    SynthesisOptions(seed=2**63 - 1, min_eos_p=1, max_duration_s=60)
    Pacing(max_lead_s=0, first_audio_target_s=0)

"""Settings, voices and requests of a checkpoint."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bark_core.checkpoints import open_checkpoint
from bark_core.errors import OptionError, UnknownVoiceError
from bark_core.speech import NamedVoice, SpeechFrontend
from bark_core.text import SegmentationMode, SegmentLimits, TextSegment


def test_the_default_voice_is_the_checkpoints(frontend: SpeechFrontend) -> None:
    chosen = frontend.settings()
    assert chosen.voice.name == frontend.default_voice == "v2/en_speaker_0"
    assert chosen.voice.prompt is not None
    assert frontend.voice("en_speaker_1").name == "v2/en_speaker_1"


def test_none_lets_the_model_invent_a_speaker(frontend: SpeechFrontend) -> None:
    assert frontend.settings(voice="none").voice == NamedVoice("none", None)
    nameless = SpeechFrontend(replace(open_checkpoint("noise"), default_voice=None))
    assert nameless.settings().voice == NamedVoice("none", None)


def test_unknown_voices_are_refused(frontend: SpeechFrontend) -> None:
    with pytest.raises(UnknownVoiceError, match="v2/en_speaker_0"):
        frontend.settings(voice="v2/en_speaker_9")


@pytest.mark.parametrize(
    ("name", "language"),
    [("v2/de_speaker_3", "de"), ("zh_speaker_0", "zh"), ("announcer", "en"), ("none", "en")],
)
def test_a_voice_tells_the_language(frontend: SpeechFrontend, name: str, language: str) -> None:
    assert frontend.settings(voice=NamedVoice(name, None)).language == language


def test_options_are_the_checkpoints(frontend: SpeechFrontend) -> None:
    defaults = open_checkpoint("noise").defaults
    options = frontend.settings().options
    assert (options.semantic, options.coarse, options.fine, options.min_eos_p) == (
        defaults.semantic,
        defaults.coarse,
        defaults.fine,
        defaults.min_eos_p,
    )


def test_limits_follow_the_checkpoints_own_pieces(frontend: SpeechFrontend) -> None:
    assert frontend.limits() == SegmentLimits()
    checkpoint = open_checkpoint("noise")
    fine_grained = replace(checkpoint.defaults, max_utterance_tokens=74)
    other = SpeechFrontend(replace(checkpoint, defaults=fine_grained))
    live = SegmentationMode.LIVE
    assert other.limits(live) == SegmentLimits(74, 12, 20, live)
    assert other.limits(max_tokens=30).max_tokens == 30
    assert other.settings().segmentation.max_tokens == 74
    endless = replace(checkpoint.defaults, max_utterance_tokens=10_000)
    bounded = SpeechFrontend(replace(checkpoint, defaults=endless))
    assert bounded.settings().segmentation.max_tokens == 256


def test_utterances_longer_than_the_model_takes_are_refused(frontend: SpeechFrontend) -> None:
    with pytest.raises(OptionError, match="at most 256") as caught:
        frontend.settings(segmentation=frontend.limits(max_tokens=257))
    assert caught.value.field == "max_utterance_tokens"


@pytest.mark.parametrize(
    "wrong",
    [
        {"seed": -1},
        {"seed": 2**63},
        {"pause_s": -0.1},
        {"pause_s": float("nan")},
        {"pause_s": 5.1},
        {"max_text_characters": 0},
    ],
)
def test_settings_are_checked(frontend: SpeechFrontend, wrong: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        frontend.settings(**wrong)
    with pytest.raises(OptionError):
        replace(frontend.settings(), fade_s=0.2)
    with pytest.raises(OptionError):
        replace(frontend.settings(), utterances_ahead=0)


def test_ids_of_utterances_are_unique_in_the_engine(frontend: SpeechFrontend) -> None:
    chosen = frontend.settings()
    ids = {
        frontend.request(
            TextSegment(index, "x", 0, 1), chosen, stream_id=stream, seed=1, voice=None
        ).utterance_id
        for index in range(3)
        for stream in ("a", "b")
    }
    assert len(ids) == 6

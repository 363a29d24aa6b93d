"""SpeechConfig messages to settings: every field, every bound, and whose fault it was."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import text_format
from google.protobuf.duration_pb2 import Duration

from bark_core.checkpoints import open_checkpoint
from bark_core.errors import InvalidRequestError
from bark_core.options import ExactWindows, LowLatencyWindows
from bark_core.speech import Continuity, SpeechFrontend
from bark_core.text.base import SegmentationMode
from barkstream.v1 import speech_service_pb2 as pb
from barkstream_server.config import ServerConfig
from barkstream_server.convert.durations import duration_of, seconds_of
from barkstream_server.convert.merge import merged
from barkstream_server.convert.settings import SettingsReader, SpeechPlan, effective_config


@pytest.fixture(scope="module")
def frontend() -> SpeechFrontend:
    return SpeechFrontend(open_checkpoint("noise"))


def _read(
    frontend: SpeechFrontend, text: str, config: ServerConfig | None = None, **more: Any
) -> SpeechPlan:
    message = text_format.Parse(text, pb.SpeechConfig())
    options: dict[str, Any] = {"path": "config", "live": False, "deadline_s": None, **more}
    return SettingsReader(frontend, config or ServerConfig()).read(message, **options)


def test_every_field_is_taken(frontend: SpeechFrontend) -> None:
    plan = _read(
        frontend,
        """
        audio_format { encoding: AUDIO_ENCODING_ALAW sample_rate_hz: 8000
                       chunk_duration { nanos: 20000000 } }
        voice { name: "en_speaker_1" continuity: VOICE_CONTINUITY_CARRY_ON }
        sampling {
          seed: 5
          semantic { temperature: 1.5 top_k: 7 top_p: 0.5 }
          coarse { temperature: 0 top_k: 0 }
          fine { temperature: 0.25 }
          min_eos_probability: 0.5
          max_utterance_duration { seconds: 3 }
          latency_mode: LATENCY_MODE_EXACT
        }
        segmentation { max_utterance_tokens: 50 pause { seconds: 1 } }
        delivery { max_lead { seconds: 3 } max_hold { seconds: 2 } }
        """,
        deadline_s=12.5,
    )
    settings, options = plan.settings, plan.settings.options
    assert plan.audio_format.encoding.name == "ALAW"
    assert plan.audio_format.sample_rate_hz == 8000
    assert plan.audio_format.chunk_s == 0.02
    assert settings.voice.name == "v2/en_speaker_1"
    assert settings.continuity is Continuity.CARRY_ON
    assert settings.seed == 5
    assert (options.semantic.temperature, options.semantic.top_k) == (1.5, 7)
    assert options.semantic.top_p == 0.5
    assert (options.coarse.temperature, options.coarse.top_k) == (0, None)
    assert options.fine.temperature == 0.25
    assert options.min_eos_p == 0.5
    assert options.max_duration_s == 3
    assert isinstance(options.windows, ExactWindows)
    assert settings.segmentation.max_tokens == 50
    assert settings.pause_s == 1
    assert settings.pacing.max_lead_s == 3
    assert settings.pacing.max_hold_s == 2
    assert settings.deadline_s == 12.5


def test_what_is_not_set_takes_the_servers_and_the_models_defaults(
    frontend: SpeechFrontend,
) -> None:
    config = ServerConfig(
        default_voice="en_speaker_1",
        latency_mode="exact",
        pause_s=0.4,
        max_lead_s=7,
        max_hold_s=0.3,
    )
    plan = _read(frontend, "", config)
    assert plan.settings.voice.name == "v2/en_speaker_1"
    assert plan.settings.seed is None
    assert plan.settings.options.semantic == frontend.defaults.semantic
    assert isinstance(plan.settings.options.windows, ExactWindows)
    assert plan.settings.pause_s == 0.4
    assert plan.settings.pacing.max_lead_s is None
    assert plan.settings.pacing.max_hold_s == 0.3
    waits = _read(frontend, "delivery { honours_start_hint: true }", config)
    assert waits.settings.pacing.max_hold_s == 0
    assert plan.settings.segmentation.mode is SegmentationMode.WHOLE
    live = _read(frontend, "sampling { latency_mode: LATENCY_MODE_LOW }", config, live=True)
    assert live.settings.pacing.max_lead_s == 7
    assert live.settings.segmentation.mode is SegmentationMode.LIVE
    assert isinstance(live.settings.options.windows, LowLatencyWindows)
    assert _read(frontend, 'voice { name: "none" }', config).settings.voice.prompt is None


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("audio_format { sample_rate_hz: 7999 }", "audio_format.sample_rate_hz"),
        ("audio_format { sample_rate_hz: 48001 }", "audio_format.sample_rate_hz"),
        (
            "audio_format { encoding: AUDIO_ENCODING_OGG_OPUS sample_rate_hz: 44100 }",
            "audio_format.sample_rate_hz",
        ),
        ("audio_format { encoding: 77 }", "audio_format.encoding"),
        ("audio_format { chunk_duration { nanos: 9999999 } }", "audio_format.chunk_duration"),
        ("audio_format { chunk_duration { seconds: -1 } }", "audio_format.chunk_duration"),
        ("voice { continuity: 9 }", "voice.continuity"),
        ("sampling { seed: 9223372036854775808 }", "sampling.seed"),
        ("sampling { semantic { temperature: -1 } }", "sampling.semantic.temperature"),
        ("sampling { semantic { temperature: nan } }", "sampling.semantic.temperature"),
        ("sampling { coarse { temperature: 1e9 } }", "sampling.coarse.temperature"),
        ("sampling { coarse { top_k: 100001 } }", "sampling.coarse.top_k"),
        ("sampling { coarse { top_p: 0 } }", "sampling.coarse.top_p"),
        ("sampling { coarse { top_p: 1.5 } }", "sampling.coarse.top_p"),
        ("sampling { fine { temperature: inf } }", "sampling.fine.temperature"),
        ("sampling { fine { top_k: 3 } }", "sampling.fine.top_k"),
        ("sampling { fine { top_p: 0.5 } }", "sampling.fine.top_p"),
        ("sampling { min_eos_probability: 0 }", "sampling.min_eos_probability"),
        ("sampling { min_eos_probability: nan }", "sampling.min_eos_probability"),
        (
            "sampling { max_utterance_duration { seconds: 61 } }",
            "sampling.max_utterance_duration",
        ),
        ("sampling { max_utterance_duration { } }", "sampling.max_utterance_duration"),
        ("sampling { latency_mode: 5 }", "sampling.latency_mode"),
        ("segmentation { max_utterance_tokens: 257 }", "segmentation.max_utterance_tokens"),
        ("segmentation { pause { seconds: 6 } }", "segmentation.pause"),
        ("delivery { max_lead { nanos: 1 } }", "delivery.max_lead"),
        ("delivery { max_lead { seconds: 3601 } }", "delivery.max_lead"),
        ("delivery { max_hold { nanos: -1 } }", "delivery.max_hold"),
        ("delivery { max_hold { seconds: 11 } }", "delivery.max_hold"),
    ],
)
def test_a_value_out_of_range_is_laid_to_its_field(
    frontend: SpeechFrontend, text: str, field: str
) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        _read(frontend, text, path="open.config")
    assert caught.value.field == f"open.config.{field}"


def test_the_effective_config_says_the_same_again(frontend: SpeechFrontend) -> None:
    """Sending back what the server echoed changes nothing."""
    text = 'voice { name: "none" } sampling { seed: 3 coarse { top_k: 4 } }'
    plan = _read(frontend, text, live=True)
    echoed = effective_config(plan, frontend, seed=3)
    again = SettingsReader(frontend, ServerConfig()).read(
        echoed, path="config", live=True, deadline_s=None
    )
    assert effective_config(again, frontend, seed=3) == echoed


def test_overrides_win_field_by_field() -> None:
    base = text_format.Parse(
        "segmentation { max_utterance_tokens: 9 pause { seconds: 1 nanos: 500000000 } }"
        "sampling { seed: 4 semantic { temperature: 1 } }",
        pb.SpeechConfig(),
    )
    override = text_format.Parse(
        "segmentation { pause { seconds: 2 } } sampling { seed: 0 semantic { top_k: 3 } } voice {}",
        pb.SpeechConfig(),
    )
    before = base.SerializeToString()
    result = merged(base, override)
    assert base.SerializeToString() == before
    assert result == text_format.Parse(
        "segmentation { max_utterance_tokens: 9 pause { seconds: 2 } }"
        "sampling { seed: 0 semantic { temperature: 1 top_k: 3 } } voice {}",
        pb.SpeechConfig(),
    )


@pytest.mark.parametrize("seconds", [0.0, 1e-9, 0.1, 1.5, 20.0, 86_400.25])
def test_durations_there_and_back(seconds: float) -> None:
    duration = duration_of(seconds)
    assert 0 <= duration.nanos < 1_000_000_000
    assert seconds_of(duration, "x", low_s=0, high_s=1e6) == pytest.approx(seconds, abs=1e-9)


def test_a_duration_out_of_range_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="between 1 s and 2 s"):
        seconds_of(Duration(seconds=3), "x", low_s=1, high_s=2)

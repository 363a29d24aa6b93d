"""SpeechConfig messages to settings, and the settings in effect back to a message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from bark_core.audio import AudioFormat
from bark_core.engine.request import Pacing
from bark_core.errors import InvalidRequestError, OptionError
from bark_core.options import (
    ExactWindows,
    LowLatencyWindows,
    SamplingParams,
    SynthesisOptions,
    WindowPolicy,
)
from bark_core.speech import Continuity, SpeechFrontend, SpeechSettings
from bark_core.text.base import SegmentationMode, SegmentLimits
from barkstream.v1 import audio_pb2, speech_service_pb2
from barkstream_server.config import ServerConfig
from barkstream_server.convert.audio_format import audio_format_message, audio_format_of
from barkstream_server.convert.durations import duration_of, seconds_of

MAX_TOP_K = 100_000

# Names of the engine's options that are spelt differently in the messages.
_FIELD_NAMES = {
    "min_eos_p": "sampling.min_eos_probability",
    "max_duration_s": "sampling.max_utterance_duration",
    "seed": "sampling.seed",
    "max_tokens": "segmentation.max_utterance_tokens",
    "max_utterance_tokens": "segmentation.max_utterance_tokens",
    "pause": "segmentation.pause",
    "pause_s": "segmentation.pause",
    "voice": "voice.name",
}
_CONTINUITIES = {
    audio_pb2.VOICE_CONTINUITY_UNSPECIFIED: Continuity.PROMPT,
    audio_pb2.VOICE_CONTINUITY_PROMPT: Continuity.PROMPT,
    audio_pb2.VOICE_CONTINUITY_CARRY_ON: Continuity.CARRY_ON,
}


@dataclass(frozen=True, slots=True)
class SpeechPlan:
    """How a text is to be spoken and packed."""

    settings: SpeechSettings
    audio_format: AudioFormat


class SettingsReader:
    """Reads SpeechConfig messages with this server's defaults. Thread-safe; may load a voice.

    Args:
        frontend: Knows the model's defaults and voices.
        config: The server's.
    """

    def __init__(self, frontend: SpeechFrontend, config: ServerConfig) -> None:
        self._frontend = frontend
        self._config = config

    def read(
        self,
        message: speech_service_pb2.SpeechConfig,
        *,
        path: str,
        live: bool,
        deadline_s: float | None,
    ) -> SpeechPlan:
        """Check a message and fill in every default.

        Args:
            message: As received (merged, where a context overrides its session).
            path: Where the message sits in the request, such as "config" or "open.config".
            live: The text is still being written, and somebody listens meanwhile.
            deadline_s: ``time.monotonic()`` moment of the caller's deadline.

        Raises:
            InvalidRequestError: A value is out of range; ``field`` is its whole path.
            UnknownVoiceError: No voice has that name.
        """
        audio_format = audio_format_of(
            message.audio_format,
            f"{path}.audio_format",
            native_rate_hz=self._frontend.config.sample_rate_hz,
        )
        pause_s = self._config.pause_s
        if message.segmentation.HasField("pause"):
            pause_s = seconds_of(
                message.segmentation.pause, f"{path}.segmentation.pause", low_s=0, high_s=5
            )
        sampling = message.sampling
        with _fields_below(path):
            settings = self._frontend.settings(
                voice=message.voice.name or self._config.default_voice or "",
                seed=sampling.seed if sampling.HasField("seed") else None,
                options=self._options(sampling, path),
                continuity=_continuity(message.voice.continuity, f"{path}.voice.continuity"),
                segmentation=_segmentation(message.segmentation, self._frontend, live=live),
                pause_s=pause_s,
                pacing=self._pacing(message.delivery, path, live=live),
                deadline_s=deadline_s,
                max_text_characters=self._config.max_text_characters,
                utterances_ahead=self._config.utterances_ahead,
            )
        return SpeechPlan(settings, audio_format)

    def _options(self, sampling: audio_pb2.SamplingConfig, path: str) -> SynthesisOptions:
        defaults = self._frontend.defaults
        max_duration_s = None
        if sampling.HasField("max_utterance_duration"):
            max_duration_s = seconds_of(
                sampling.max_utterance_duration,
                f"{path}.sampling.max_utterance_duration",
                low_s=0.001,
                high_s=60,
            )
        for name in ("top_k", "top_p"):
            if sampling.fine.HasField(name):
                raise OptionError(
                    f"the fine stage knows no {name}: set its temperature only",
                    field=f"{path}.sampling.fine.{name}",
                )
        return replace(
            defaults,
            semantic=_stage(sampling.semantic, defaults.semantic, f"{path}.sampling.semantic"),
            coarse=_stage(sampling.coarse, defaults.coarse, f"{path}.sampling.coarse"),
            fine=_stage(sampling.fine, defaults.fine, f"{path}.sampling.fine"),
            min_eos_p=(
                sampling.min_eos_probability
                if sampling.HasField("min_eos_probability")
                else defaults.min_eos_p
            ),
            max_duration_s=max_duration_s,
            windows=self._windows(sampling.latency_mode, f"{path}.sampling.latency_mode"),
        )

    def _windows(self, mode: int, field: str) -> WindowPolicy:
        if mode == audio_pb2.LATENCY_MODE_UNSPECIFIED:
            exact = self._config.latency_mode == "exact"
        elif mode in {audio_pb2.LATENCY_MODE_LOW, audio_pb2.LATENCY_MODE_EXACT}:
            exact = mode == audio_pb2.LATENCY_MODE_EXACT
        else:
            raise OptionError(f"this server knows no latency mode {mode}", field=field)
        return ExactWindows() if exact else LowLatencyWindows()

    def _pacing(self, delivery: audio_pb2.DeliveryConfig, path: str, *, live: bool) -> Pacing:
        max_lead_s = self._config.max_lead_s if live else None
        if delivery.HasField("max_lead"):
            max_lead_s = seconds_of(
                delivery.max_lead, f"{path}.delivery.max_lead", low_s=0.2, high_s=3600
            )
        max_hold_s = self._config.max_hold_s
        if delivery.HasField("max_hold"):
            max_hold_s = seconds_of(
                delivery.max_hold, f"{path}.delivery.max_hold", low_s=0, high_s=10
            )
        return Pacing(
            max_lead_s=max_lead_s,
            honours_start_hint=delivery.honours_start_hint,
            max_hold_s=0.0 if delivery.honours_start_hint else max_hold_s,
        )


def effective_config(
    plan: SpeechPlan, frontend: SpeechFrontend, *, seed: int | None
) -> speech_service_pb2.SpeechConfig:
    """What is in effect, every default filled in. ``seed`` None: not drawn yet."""
    settings, options = plan.settings, plan.settings.options
    semantic = frontend.config.semantic
    limit_s = semantic.max_new_tokens / semantic.rate_hz
    exact = isinstance(options.windows, ExactWindows)
    config = speech_service_pb2.SpeechConfig(
        audio_format=audio_format_message(plan.audio_format),
        voice=audio_pb2.VoiceSelection(
            name=settings.voice.name,
            continuity=(
                audio_pb2.VOICE_CONTINUITY_CARRY_ON
                if settings.continuity is Continuity.CARRY_ON
                else audio_pb2.VOICE_CONTINUITY_PROMPT
            ),
        ),
        sampling=audio_pb2.SamplingConfig(
            seed=seed,
            semantic=_stage_message(options.semantic),
            coarse=_stage_message(options.coarse),
            fine=_stage_message(options.fine),
            min_eos_probability=options.min_eos_p,
            max_utterance_duration=duration_of(options.max_duration_s or limit_s),
            latency_mode=(audio_pb2.LATENCY_MODE_EXACT if exact else audio_pb2.LATENCY_MODE_LOW),
        ),
        segmentation=audio_pb2.SegmentationConfig(
            max_utterance_tokens=settings.segmentation.max_tokens,
            pause=duration_of(settings.pause_s),
        ),
    )
    if settings.pacing.honours_start_hint:
        config.delivery.honours_start_hint = True
    config.delivery.max_hold.CopyFrom(duration_of(settings.pacing.max_hold_s))
    if settings.pacing.max_lead_s is not None:
        config.delivery.max_lead.CopyFrom(duration_of(settings.pacing.max_lead_s))
    return config


def _continuity(value: int, field: str) -> Continuity:
    for known, continuity in _CONTINUITIES.items():
        if known == value:
            return continuity
    raise OptionError(f"this server knows no voice continuity {value}", field=field)


def _segmentation(
    message: audio_pb2.SegmentationConfig, frontend: SpeechFrontend, *, live: bool
) -> SegmentLimits:
    return frontend.limits(
        SegmentationMode.LIVE if live else SegmentationMode.WHOLE,
        max_tokens=message.max_utterance_tokens or None,
    )


def _stage(message: audio_pb2.StageSampling, default: SamplingParams, path: str) -> SamplingParams:
    given: dict[str, float | int | None] = {}
    if message.HasField("temperature"):
        given["temperature"] = message.temperature
    if message.HasField("top_k"):
        if message.top_k > MAX_TOP_K:
            raise OptionError(f"top_k must be at most {MAX_TOP_K}", field=f"{path}.top_k")
        given["top_k"] = message.top_k or None
    if message.HasField("top_p"):
        given["top_p"] = message.top_p
    try:
        return replace(default, **given)  # type: ignore[arg-type]
    except OptionError as error:
        raise OptionError(error.message, field=f"{path}.{error.field}") from error


def _stage_message(params: SamplingParams) -> audio_pb2.StageSampling:
    return audio_pb2.StageSampling(
        temperature=params.temperature, top_k=params.top_k, top_p=params.top_p
    )


@contextmanager
def _fields_below(path: str) -> Iterator[None]:
    """Give errors of the engine's own checks the path of the message's field."""
    try:
        yield
    except InvalidRequestError as error:
        if not error.field.startswith(path):
            error.field = f"{path}.{_FIELD_NAMES.get(error.field, error.field)}".rstrip(".")
        raise

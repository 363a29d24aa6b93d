"""How to speak, as keyword arguments of plain types, to and from the wire."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypedDict, cast

from google.protobuf.duration_pb2 import Duration
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message

from barkstream.v1 import audio_pb2, speech_service_pb2
from barkstream_client.errors import OptionError

Encoding = Literal["pcm_s16le", "pcm_f32le", "mulaw", "alaw", "wav", "ogg_opus"]


class SpeechOptions(TypedDict, total=False):
    """Everything that may be asked for. What is left out takes the server's default.

    Attributes:
        voice: Name from ``list_voices``; "none" lets the model invent a speaker.
        continuity: "prompt" starts every utterance from the voice, "carry_on" from the last one.
        encoding: How samples are packed. Default "pcm_s16le".
        sample_rate_hz: 8000 to 48000; default the model's own (24000).
        chunk_ms: Length of an audio message, 10 to 2000; default what the engine brings.
        seed: Same seed, text, voice and options: same speech.
        semantic_temperature: 0 (greedy) to 10. Suno's ``text_temp``.
        semantic_top_k: Keep the k likeliest tokens.
        semantic_top_p: Keep the likeliest tokens up to this probability.
        coarse_temperature: 0 (greedy) to 10. Suno's ``waveform_temp``.
        coarse_top_k: Keep the k likeliest tokens.
        coarse_top_p: Keep the likeliest tokens up to this probability.
        fine_temperature: 0 (greedy) to 10.
        min_eos_probability: End an utterance once its end token is this probable.
        max_utterance_s: Upper bound of one utterance.
        latency_mode: "low" (early audio) or "exact" (the tokens of the offline reference).
        max_utterance_tokens: Longest utterance in tokens of the model's tokenizer.
        pause_ms: Silence between utterances, 0 to 5000.
        max_lead_s: How far audio may be sent ahead of playback, 0.2 to 3600.
        honours_start_hint: The player starts as ``StartHint`` says, and not with the first audio.
        max_hold_s: How long the server may keep audio back for a player that does not, so that it
            does not run dry, 0 to 10.
    """

    voice: str
    continuity: Literal["prompt", "carry_on"]
    encoding: Encoding
    sample_rate_hz: int
    chunk_ms: float
    seed: int
    semantic_temperature: float
    semantic_top_k: int
    semantic_top_p: float
    coarse_temperature: float
    coarse_top_k: int
    coarse_top_p: float
    fine_temperature: float
    min_eos_probability: float
    max_utterance_s: float
    latency_mode: Literal["low", "exact"]
    max_utterance_tokens: int
    pause_ms: float
    max_lead_s: float
    honours_start_hint: bool
    max_hold_s: float


@dataclass(frozen=True, slots=True)
class _Plain:
    """A number or string as it is."""

    def write(self, message: Any, name: str, value: Any) -> None:
        setattr(message, name, value)

    def read(self, message: Any, name: str) -> Any:
        value = getattr(message, name)
        # Wire floats have 24 bits: 0.7 shall not come back as 0.699999988.
        return float(f"{value:.7g}") if isinstance(value, float) else value


@dataclass(frozen=True, slots=True)
class _Time:
    """A Duration, as a number of ``unit_s`` seconds."""

    unit_s: float

    def write(self, message: Any, name: str, value: Any) -> None:
        getattr(message, name).CopyFrom(duration(value * self.unit_s))

    def read(self, message: Any, name: str) -> float:
        return round(seconds(getattr(message, name)) / self.unit_s, 6)


@dataclass(frozen=True, slots=True)
class _Word:
    """An enum value, as its name in lower case without the prefix."""

    enum: EnumTypeWrapper
    prefix: str

    def write(self, message: Any, name: str, value: Any) -> None:
        words = [self.word(number) for number in self.enum.values() if number]
        if value not in words:
            raise ValueError(f"{value!r} is none of {', '.join(words)}")
        setattr(message, name, self.enum.Value(self.prefix + value.upper()))

    def read(self, message: Any, name: str) -> str:
        return self.word(getattr(message, name))

    def word(self, number: int) -> str:
        # A newer server may know values that this client has no name for.
        known = number in self.enum.values()
        return self.enum.Name(number).removeprefix(self.prefix).lower() if known else str(number)


_PLAIN, _SECONDS, _MILLISECONDS = _Plain(), _Time(1.0), _Time(1e-3)
_ENCODINGS = _Word(audio_pb2.AudioEncoding, "AUDIO_ENCODING_")

# Option -> where it lives in SpeechConfig, and how.
_FIELDS: dict[str, tuple[str, _Plain | _Time | _Word]] = {
    "voice": ("voice.name", _PLAIN),
    "continuity": (
        "voice.continuity",
        _Word(audio_pb2.VoiceContinuity, "VOICE_CONTINUITY_"),
    ),
    "encoding": ("audio_format.encoding", _ENCODINGS),
    "sample_rate_hz": ("audio_format.sample_rate_hz", _PLAIN),
    "chunk_ms": ("audio_format.chunk_duration", _MILLISECONDS),
    "seed": ("sampling.seed", _PLAIN),
    "semantic_temperature": ("sampling.semantic.temperature", _PLAIN),
    "semantic_top_k": ("sampling.semantic.top_k", _PLAIN),
    "semantic_top_p": ("sampling.semantic.top_p", _PLAIN),
    "coarse_temperature": ("sampling.coarse.temperature", _PLAIN),
    "coarse_top_k": ("sampling.coarse.top_k", _PLAIN),
    "coarse_top_p": ("sampling.coarse.top_p", _PLAIN),
    "fine_temperature": ("sampling.fine.temperature", _PLAIN),
    "min_eos_probability": ("sampling.min_eos_probability", _PLAIN),
    "max_utterance_s": ("sampling.max_utterance_duration", _SECONDS),
    "latency_mode": ("sampling.latency_mode", _Word(audio_pb2.LatencyMode, "LATENCY_MODE_")),
    "max_utterance_tokens": ("segmentation.max_utterance_tokens", _PLAIN),
    "pause_ms": ("segmentation.pause", _MILLISECONDS),
    "max_lead_s": ("delivery.max_lead", _SECONDS),
    "honours_start_hint": ("delivery.honours_start_hint", _PLAIN),
    "max_hold_s": ("delivery.max_hold", _SECONDS),
}


def encode_options(options: SpeechOptions) -> speech_service_pb2.SpeechConfig:
    """Options as they travel. Ranges are the server's business.

    Raises:
        OptionError: An unknown option, a word that is none of its choices, or a value of a type
            that the option cannot have.
    """
    config = speech_service_pb2.SpeechConfig()
    for option, value in options.items():
        if option not in _FIELDS:
            raise OptionError(f"unknown option {option!r}; there are: {', '.join(_FIELDS)}")
        path, kind = _FIELDS[option]
        try:
            kind.write(*_place(config, path), value)
        except (TypeError, ValueError, OverflowError, OptionError) as error:
            raise OptionError(f"option {option} has a wrong type or range: {error}") from error
    return config


def decode_options(config: speech_service_pb2.SpeechConfig) -> SpeechOptions:
    """A config (an effective one, say) as options that ask for the same."""
    options: dict[str, Any] = {}
    for option, (path, kind) in _FIELDS.items():
        message, name = _place(config, path)
        if name in {field.name for field, _ in message.ListFields()}:
            options[option] = kind.read(message, name)
    return cast("SpeechOptions", options)


def encoding_name(number: int) -> str:
    """AudioEncoding -> "pcm_s16le" and the like."""
    return _ENCODINGS.word(number)


def duration(value_s: float) -> Duration:
    """Seconds -> Duration.

    Raises:
        OptionError: Not a length of time.
    """
    result = Duration()
    try:
        result.FromNanoseconds(round(value_s * 1e9))
    except (TypeError, ValueError, OverflowError) as error:
        raise OptionError(f"{value_s!r} is no length of time in seconds") from error
    return result


def sendable(text: str, name: str = "text") -> str:
    """The text itself.

    Raises:
        OptionError: It is no string, or none that UTF-8 can hold.
    """
    if not isinstance(text, str):
        raise OptionError(f"{name} must be a str, got {type(text).__name__}")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise OptionError(
            f"{name} holds half of a surrogate pair at position {error.start}, which is no text; "
            "was it cut, or decoded with errors='surrogateescape'?"
        ) from None
    return text


def seconds(value: Duration) -> float:
    """Duration -> seconds."""
    return value.seconds + value.nanos / 1e9


def _place(config: Message, path: str) -> tuple[Any, str]:
    *parents, name = path.split(".")
    message: Any = config
    for parent in parents:
        message = getattr(message, parent)
    return message, name

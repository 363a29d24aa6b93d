"""What the server is and which voices it has."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice.

    Attributes:
        name: What the option ``voice`` takes.
        language_code: BCP-47 code such as "en"; empty: any.
        semantic_tokens: Of its prompt; 0: not loaded yet.
        codec_frames: Of its prompt; 0: not loaded yet.
        is_default: Used when no voice is named.
    """

    name: str
    language_code: str
    semantic_tokens: int
    codec_frames: int
    is_default: bool


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """The model served. ``is_noise``: its weights are random, so it makes noise, not speech."""

    name: str
    is_noise: bool
    sample_rate_hz: int
    backend: str
    device: str
    dtype: str


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """Bounds on requests; lengths in code points."""

    slots: int
    max_waiting: int
    max_contexts_per_session: int
    max_synthesize_characters: int
    max_text_characters: int


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """What the server is.

    Attributes:
        version: Of barkstream.
        model: The model served.
        limits: Bounds on requests.
        encodings: Offered, such as "pcm_s16le".
        default_voice: Empty: none.
    """

    version: str
    model: ModelInfo
    limits: ServerLimits
    encodings: tuple[str, ...]
    default_voice: str

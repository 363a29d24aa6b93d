"""What the server is, which voices it has and how busy it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


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
    """Bounds on requests; lengths in code points.

    ``max_wait_s``: who would wait longer for a place is refused at once; None: nobody is, for that.
    """

    slots: int
    max_waiting: int
    max_contexts_per_session: int
    max_synthesize_characters: int
    max_text_characters: int
    max_wait_s: float | None = None


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


@dataclass(frozen=True, slots=True)
class ServerLoad:
    """How busy the server is now, and what it has done since it started.

    Attributes:
        serving: New speech is taken, room provided.
        sessions: Speech calls that are open.
        running: Utterances that are being made.
        waiting: Utterances that wait for a slot.
        slots: Utterances that can be made at once; 0: the model is not loaded yet.
        realtime_factor: Seconds of model time for a second of audio, lately; 0: no audio yet.
        utterances: Spoken to their end.
        audio_s: Audio sent.
        underruns: Times a listener in real time had run dry within an utterance.
        refusals: Speech refused because there was no room.
        places: Listeners that can be fed at once, as measured; 0: not known.
        in_line: Texts that wait for a place.
        expected_wait_s: What a newcomer would wait for a place; None: not known.
        refusals_by_reason: The refusals, by ``SpeechError.reason``.
        least_lead_s: Audio left to the listener who runs dry first; None: nobody listens.
    """

    serving: bool
    sessions: int
    running: int
    waiting: int
    slots: int
    realtime_factor: float
    utterances: int
    audio_s: float
    underruns: int
    refusals: int
    places: int = 0
    in_line: int = 0
    expected_wait_s: float | None = None
    refusals_by_reason: Mapping[str, int] = field(default_factory=dict)
    least_lead_s: float | None = None

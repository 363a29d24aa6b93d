import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AudioEncoding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AUDIO_ENCODING_UNSPECIFIED: _ClassVar[AudioEncoding]
    AUDIO_ENCODING_PCM_S16LE: _ClassVar[AudioEncoding]
    AUDIO_ENCODING_PCM_F32LE: _ClassVar[AudioEncoding]
    AUDIO_ENCODING_MULAW: _ClassVar[AudioEncoding]
    AUDIO_ENCODING_ALAW: _ClassVar[AudioEncoding]
    AUDIO_ENCODING_WAV: _ClassVar[AudioEncoding]
    AUDIO_ENCODING_OGG_OPUS: _ClassVar[AudioEncoding]

class VoiceContinuity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VOICE_CONTINUITY_UNSPECIFIED: _ClassVar[VoiceContinuity]
    VOICE_CONTINUITY_PROMPT: _ClassVar[VoiceContinuity]
    VOICE_CONTINUITY_CARRY_ON: _ClassVar[VoiceContinuity]

class LatencyMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LATENCY_MODE_UNSPECIFIED: _ClassVar[LatencyMode]
    LATENCY_MODE_LOW: _ClassVar[LatencyMode]
    LATENCY_MODE_EXACT: _ClassVar[LatencyMode]
AUDIO_ENCODING_UNSPECIFIED: AudioEncoding
AUDIO_ENCODING_PCM_S16LE: AudioEncoding
AUDIO_ENCODING_PCM_F32LE: AudioEncoding
AUDIO_ENCODING_MULAW: AudioEncoding
AUDIO_ENCODING_ALAW: AudioEncoding
AUDIO_ENCODING_WAV: AudioEncoding
AUDIO_ENCODING_OGG_OPUS: AudioEncoding
VOICE_CONTINUITY_UNSPECIFIED: VoiceContinuity
VOICE_CONTINUITY_PROMPT: VoiceContinuity
VOICE_CONTINUITY_CARRY_ON: VoiceContinuity
LATENCY_MODE_UNSPECIFIED: LatencyMode
LATENCY_MODE_LOW: LatencyMode
LATENCY_MODE_EXACT: LatencyMode

class AudioFormat(_message.Message):
    __slots__ = ("encoding", "sample_rate_hz", "chunk_duration")
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_RATE_HZ_FIELD_NUMBER: _ClassVar[int]
    CHUNK_DURATION_FIELD_NUMBER: _ClassVar[int]
    encoding: AudioEncoding
    sample_rate_hz: int
    chunk_duration: _duration_pb2.Duration
    def __init__(self, encoding: _Optional[_Union[AudioEncoding, str]] = ..., sample_rate_hz: _Optional[int] = ..., chunk_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class VoiceSelection(_message.Message):
    __slots__ = ("name", "continuity")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CONTINUITY_FIELD_NUMBER: _ClassVar[int]
    name: str
    continuity: VoiceContinuity
    def __init__(self, name: _Optional[str] = ..., continuity: _Optional[_Union[VoiceContinuity, str]] = ...) -> None: ...

class StageSampling(_message.Message):
    __slots__ = ("temperature", "top_k", "top_p")
    TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    TOP_K_FIELD_NUMBER: _ClassVar[int]
    TOP_P_FIELD_NUMBER: _ClassVar[int]
    temperature: float
    top_k: int
    top_p: float
    def __init__(self, temperature: _Optional[float] = ..., top_k: _Optional[int] = ..., top_p: _Optional[float] = ...) -> None: ...

class SamplingConfig(_message.Message):
    __slots__ = ("seed", "semantic", "coarse", "fine", "min_eos_probability", "max_utterance_duration", "latency_mode")
    SEED_FIELD_NUMBER: _ClassVar[int]
    SEMANTIC_FIELD_NUMBER: _ClassVar[int]
    COARSE_FIELD_NUMBER: _ClassVar[int]
    FINE_FIELD_NUMBER: _ClassVar[int]
    MIN_EOS_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    MAX_UTTERANCE_DURATION_FIELD_NUMBER: _ClassVar[int]
    LATENCY_MODE_FIELD_NUMBER: _ClassVar[int]
    seed: int
    semantic: StageSampling
    coarse: StageSampling
    fine: StageSampling
    min_eos_probability: float
    max_utterance_duration: _duration_pb2.Duration
    latency_mode: LatencyMode
    def __init__(self, seed: _Optional[int] = ..., semantic: _Optional[_Union[StageSampling, _Mapping]] = ..., coarse: _Optional[_Union[StageSampling, _Mapping]] = ..., fine: _Optional[_Union[StageSampling, _Mapping]] = ..., min_eos_probability: _Optional[float] = ..., max_utterance_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., latency_mode: _Optional[_Union[LatencyMode, str]] = ...) -> None: ...

class SegmentationConfig(_message.Message):
    __slots__ = ("max_utterance_tokens", "pause")
    MAX_UTTERANCE_TOKENS_FIELD_NUMBER: _ClassVar[int]
    PAUSE_FIELD_NUMBER: _ClassVar[int]
    max_utterance_tokens: int
    pause: _duration_pb2.Duration
    def __init__(self, max_utterance_tokens: _Optional[int] = ..., pause: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class DeliveryConfig(_message.Message):
    __slots__ = ("max_lead", "honours_start_hint", "max_hold")
    MAX_LEAD_FIELD_NUMBER: _ClassVar[int]
    HONOURS_START_HINT_FIELD_NUMBER: _ClassVar[int]
    MAX_HOLD_FIELD_NUMBER: _ClassVar[int]
    max_lead: _duration_pb2.Duration
    honours_start_hint: bool
    max_hold: _duration_pb2.Duration
    def __init__(self, max_lead: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., honours_start_hint: bool = ..., max_hold: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class StartHint(_message.Message):
    __slots__ = ("buffer", "expected_audio", "expected_wait")
    BUFFER_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_AUDIO_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_WAIT_FIELD_NUMBER: _ClassVar[int]
    buffer: _duration_pb2.Duration
    expected_audio: _duration_pb2.Duration
    expected_wait: _duration_pb2.Duration
    def __init__(self, buffer: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., expected_audio: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., expected_wait: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class SpeechUsage(_message.Message):
    __slots__ = ("text_characters", "utterances", "semantic_tokens", "codec_frames", "samples", "audio_duration")
    TEXT_CHARACTERS_FIELD_NUMBER: _ClassVar[int]
    UTTERANCES_FIELD_NUMBER: _ClassVar[int]
    SEMANTIC_TOKENS_FIELD_NUMBER: _ClassVar[int]
    CODEC_FRAMES_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    AUDIO_DURATION_FIELD_NUMBER: _ClassVar[int]
    text_characters: int
    utterances: int
    semantic_tokens: int
    codec_frames: int
    samples: int
    audio_duration: _duration_pb2.Duration
    def __init__(self, text_characters: _Optional[int] = ..., utterances: _Optional[int] = ..., semantic_tokens: _Optional[int] = ..., codec_frames: _Optional[int] = ..., samples: _Optional[int] = ..., audio_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class SpeechTiming(_message.Message):
    __slots__ = ("first_audio", "total", "queued", "real_time_factor")
    FIRST_AUDIO_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    REAL_TIME_FACTOR_FIELD_NUMBER: _ClassVar[int]
    first_audio: _duration_pb2.Duration
    total: _duration_pb2.Duration
    queued: _duration_pb2.Duration
    real_time_factor: float
    def __init__(self, first_audio: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., total: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., queued: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., real_time_factor: _Optional[float] = ...) -> None: ...

class SpeechReceipt(_message.Message):
    __slots__ = ("seed", "voice", "model")
    SEED_FIELD_NUMBER: _ClassVar[int]
    VOICE_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    seed: int
    voice: str
    model: str
    def __init__(self, seed: _Optional[int] = ..., voice: _Optional[str] = ..., model: _Optional[str] = ...) -> None: ...

class Segment(_message.Message):
    __slots__ = ("index", "source_start", "source_end", "spoken_text")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    SOURCE_START_FIELD_NUMBER: _ClassVar[int]
    SOURCE_END_FIELD_NUMBER: _ClassVar[int]
    SPOKEN_TEXT_FIELD_NUMBER: _ClassVar[int]
    index: int
    source_start: int
    source_end: int
    spoken_text: str
    def __init__(self, index: _Optional[int] = ..., source_start: _Optional[int] = ..., source_end: _Optional[int] = ..., spoken_text: _Optional[str] = ...) -> None: ...

import datetime

from barkstream.v1 import audio_pb2 as _audio_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetServerInfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetServerInfoResponse(_message.Message):
    __slots__ = ("version", "model", "limits", "encodings", "default_voice")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    ENCODINGS_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_VOICE_FIELD_NUMBER: _ClassVar[int]
    version: str
    model: ModelInfo
    limits: ServerLimits
    encodings: _containers.RepeatedScalarFieldContainer[_audio_pb2.AudioEncoding]
    default_voice: str
    def __init__(self, version: _Optional[str] = ..., model: _Optional[_Union[ModelInfo, _Mapping]] = ..., limits: _Optional[_Union[ServerLimits, _Mapping]] = ..., encodings: _Optional[_Iterable[_Union[_audio_pb2.AudioEncoding, str]]] = ..., default_voice: _Optional[str] = ...) -> None: ...

class ModelInfo(_message.Message):
    __slots__ = ("name", "is_noise", "sample_rate_hz", "backend", "device", "dtype")
    NAME_FIELD_NUMBER: _ClassVar[int]
    IS_NOISE_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_RATE_HZ_FIELD_NUMBER: _ClassVar[int]
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    name: str
    is_noise: bool
    sample_rate_hz: int
    backend: str
    device: str
    dtype: str
    def __init__(self, name: _Optional[str] = ..., is_noise: bool = ..., sample_rate_hz: _Optional[int] = ..., backend: _Optional[str] = ..., device: _Optional[str] = ..., dtype: _Optional[str] = ...) -> None: ...

class ServerLimits(_message.Message):
    __slots__ = ("slots", "max_waiting", "max_contexts_per_session", "max_synthesize_characters", "max_text_characters", "max_wait")
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    MAX_WAITING_FIELD_NUMBER: _ClassVar[int]
    MAX_CONTEXTS_PER_SESSION_FIELD_NUMBER: _ClassVar[int]
    MAX_SYNTHESIZE_CHARACTERS_FIELD_NUMBER: _ClassVar[int]
    MAX_TEXT_CHARACTERS_FIELD_NUMBER: _ClassVar[int]
    MAX_WAIT_FIELD_NUMBER: _ClassVar[int]
    slots: int
    max_waiting: int
    max_contexts_per_session: int
    max_synthesize_characters: int
    max_text_characters: int
    max_wait: _duration_pb2.Duration
    def __init__(self, slots: _Optional[int] = ..., max_waiting: _Optional[int] = ..., max_contexts_per_session: _Optional[int] = ..., max_synthesize_characters: _Optional[int] = ..., max_text_characters: _Optional[int] = ..., max_wait: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class WatchLoadRequest(_message.Message):
    __slots__ = ("interval",)
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    interval: _duration_pb2.Duration
    def __init__(self, interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class WatchLoadResponse(_message.Message):
    __slots__ = ("serving", "sessions", "running", "waiting", "slots", "realtime_factor", "utterances", "audio", "underruns", "refusals", "places", "in_line", "expected_wait", "refusals_by_reason", "least_lead")
    class RefusalsByReasonEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    SERVING_FIELD_NUMBER: _ClassVar[int]
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    REALTIME_FACTOR_FIELD_NUMBER: _ClassVar[int]
    UTTERANCES_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    UNDERRUNS_FIELD_NUMBER: _ClassVar[int]
    REFUSALS_FIELD_NUMBER: _ClassVar[int]
    PLACES_FIELD_NUMBER: _ClassVar[int]
    IN_LINE_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_WAIT_FIELD_NUMBER: _ClassVar[int]
    REFUSALS_BY_REASON_FIELD_NUMBER: _ClassVar[int]
    LEAST_LEAD_FIELD_NUMBER: _ClassVar[int]
    serving: bool
    sessions: int
    running: int
    waiting: int
    slots: int
    realtime_factor: float
    utterances: int
    audio: _duration_pb2.Duration
    underruns: int
    refusals: int
    places: int
    in_line: int
    expected_wait: _duration_pb2.Duration
    refusals_by_reason: _containers.ScalarMap[str, int]
    least_lead: _duration_pb2.Duration
    def __init__(self, serving: bool = ..., sessions: _Optional[int] = ..., running: _Optional[int] = ..., waiting: _Optional[int] = ..., slots: _Optional[int] = ..., realtime_factor: _Optional[float] = ..., utterances: _Optional[int] = ..., audio: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., underruns: _Optional[int] = ..., refusals: _Optional[int] = ..., places: _Optional[int] = ..., in_line: _Optional[int] = ..., expected_wait: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., refusals_by_reason: _Optional[_Mapping[str, int]] = ..., least_lead: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

import datetime

from barkstream.v1 import audio_pb2 as _audio_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.rpc import status_pb2 as _status_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SpeechConfig(_message.Message):
    __slots__ = ("audio_format", "voice", "sampling", "segmentation", "delivery")
    AUDIO_FORMAT_FIELD_NUMBER: _ClassVar[int]
    VOICE_FIELD_NUMBER: _ClassVar[int]
    SAMPLING_FIELD_NUMBER: _ClassVar[int]
    SEGMENTATION_FIELD_NUMBER: _ClassVar[int]
    DELIVERY_FIELD_NUMBER: _ClassVar[int]
    audio_format: _audio_pb2.AudioFormat
    voice: _audio_pb2.VoiceSelection
    sampling: _audio_pb2.SamplingConfig
    segmentation: _audio_pb2.SegmentationConfig
    delivery: _audio_pb2.DeliveryConfig
    def __init__(self, audio_format: _Optional[_Union[_audio_pb2.AudioFormat, _Mapping]] = ..., voice: _Optional[_Union[_audio_pb2.VoiceSelection, _Mapping]] = ..., sampling: _Optional[_Union[_audio_pb2.SamplingConfig, _Mapping]] = ..., segmentation: _Optional[_Union[_audio_pb2.SegmentationConfig, _Mapping]] = ..., delivery: _Optional[_Union[_audio_pb2.DeliveryConfig, _Mapping]] = ...) -> None: ...

class SynthesizeRequest(_message.Message):
    __slots__ = ("text", "config")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    text: str
    config: SpeechConfig
    def __init__(self, text: _Optional[str] = ..., config: _Optional[_Union[SpeechConfig, _Mapping]] = ...) -> None: ...

class SynthesizeResponse(_message.Message):
    __slots__ = ("audio", "audio_format", "segments", "usage", "timing", "receipt")
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FORMAT_FIELD_NUMBER: _ClassVar[int]
    SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    audio: bytes
    audio_format: _audio_pb2.AudioFormat
    segments: _containers.RepeatedCompositeFieldContainer[TimedSegment]
    usage: _audio_pb2.SpeechUsage
    timing: _audio_pb2.SpeechTiming
    receipt: _audio_pb2.SpeechReceipt
    def __init__(self, audio: _Optional[bytes] = ..., audio_format: _Optional[_Union[_audio_pb2.AudioFormat, _Mapping]] = ..., segments: _Optional[_Iterable[_Union[TimedSegment, _Mapping]]] = ..., usage: _Optional[_Union[_audio_pb2.SpeechUsage, _Mapping]] = ..., timing: _Optional[_Union[_audio_pb2.SpeechTiming, _Mapping]] = ..., receipt: _Optional[_Union[_audio_pb2.SpeechReceipt, _Mapping]] = ...) -> None: ...

class TimedSegment(_message.Message):
    __slots__ = ("segment", "start_sample", "sample_count")
    SEGMENT_FIELD_NUMBER: _ClassVar[int]
    START_SAMPLE_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_COUNT_FIELD_NUMBER: _ClassVar[int]
    segment: _audio_pb2.Segment
    start_sample: int
    sample_count: int
    def __init__(self, segment: _Optional[_Union[_audio_pb2.Segment, _Mapping]] = ..., start_sample: _Optional[int] = ..., sample_count: _Optional[int] = ...) -> None: ...

class StreamSynthesizeRequest(_message.Message):
    __slots__ = ("text", "config")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    text: str
    config: SpeechConfig
    def __init__(self, text: _Optional[str] = ..., config: _Optional[_Union[SpeechConfig, _Mapping]] = ...) -> None: ...

class StreamSynthesizeResponse(_message.Message):
    __slots__ = ("started", "segment_started", "audio", "progress", "completed", "queued")
    STARTED_FIELD_NUMBER: _ClassVar[int]
    SEGMENT_STARTED_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    started: ContextStarted
    segment_started: SegmentStarted
    audio: AudioChunk
    progress: Progress
    completed: ContextCompleted
    queued: Queued
    def __init__(self, started: _Optional[_Union[ContextStarted, _Mapping]] = ..., segment_started: _Optional[_Union[SegmentStarted, _Mapping]] = ..., audio: _Optional[_Union[AudioChunk, _Mapping]] = ..., progress: _Optional[_Union[Progress, _Mapping]] = ..., completed: _Optional[_Union[ContextCompleted, _Mapping]] = ..., queued: _Optional[_Union[Queued, _Mapping]] = ...) -> None: ...

class ConverseRequest(_message.Message):
    __slots__ = ("context_id", "open", "append", "flush", "finish", "cancel", "playback", "keepalive")
    CONTEXT_ID_FIELD_NUMBER: _ClassVar[int]
    OPEN_FIELD_NUMBER: _ClassVar[int]
    APPEND_FIELD_NUMBER: _ClassVar[int]
    FLUSH_FIELD_NUMBER: _ClassVar[int]
    FINISH_FIELD_NUMBER: _ClassVar[int]
    CANCEL_FIELD_NUMBER: _ClassVar[int]
    PLAYBACK_FIELD_NUMBER: _ClassVar[int]
    KEEPALIVE_FIELD_NUMBER: _ClassVar[int]
    context_id: str
    open: OpenSession
    append: AppendText
    flush: FlushText
    finish: FinishContext
    cancel: CancelContext
    playback: ReportPlayback
    keepalive: Keepalive
    def __init__(self, context_id: _Optional[str] = ..., open: _Optional[_Union[OpenSession, _Mapping]] = ..., append: _Optional[_Union[AppendText, _Mapping]] = ..., flush: _Optional[_Union[FlushText, _Mapping]] = ..., finish: _Optional[_Union[FinishContext, _Mapping]] = ..., cancel: _Optional[_Union[CancelContext, _Mapping]] = ..., playback: _Optional[_Union[ReportPlayback, _Mapping]] = ..., keepalive: _Optional[_Union[Keepalive, _Mapping]] = ...) -> None: ...

class OpenSession(_message.Message):
    __slots__ = ("config", "idle_timeout", "heartbeat_interval")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    IDLE_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    config: SpeechConfig
    idle_timeout: _duration_pb2.Duration
    heartbeat_interval: _duration_pb2.Duration
    def __init__(self, config: _Optional[_Union[SpeechConfig, _Mapping]] = ..., idle_timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., heartbeat_interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class AppendText(_message.Message):
    __slots__ = ("text", "config")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    text: str
    config: SpeechConfig
    def __init__(self, text: _Optional[str] = ..., config: _Optional[_Union[SpeechConfig, _Mapping]] = ...) -> None: ...

class FlushText(_message.Message):
    __slots__ = ("flush_id",)
    FLUSH_ID_FIELD_NUMBER: _ClassVar[int]
    flush_id: str
    def __init__(self, flush_id: _Optional[str] = ...) -> None: ...

class FinishContext(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CancelContext(_message.Message):
    __slots__ = ("played",)
    PLAYED_FIELD_NUMBER: _ClassVar[int]
    played: _duration_pb2.Duration
    def __init__(self, played: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class ReportPlayback(_message.Message):
    __slots__ = ("played",)
    PLAYED_FIELD_NUMBER: _ClassVar[int]
    played: _duration_pb2.Duration
    def __init__(self, played: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Keepalive(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ConverseResponse(_message.Message):
    __slots__ = ("context_id", "session_opened", "context_started", "segment_started", "audio", "progress", "flushed", "completed", "cancelled", "failed", "draining", "queued")
    CONTEXT_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_OPENED_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_STARTED_FIELD_NUMBER: _ClassVar[int]
    SEGMENT_STARTED_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    FLUSHED_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    DRAINING_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    context_id: str
    session_opened: SessionOpened
    context_started: ContextStarted
    segment_started: SegmentStarted
    audio: AudioChunk
    progress: Progress
    flushed: Flushed
    completed: ContextCompleted
    cancelled: ContextCancelled
    failed: ContextFailed
    draining: Draining
    queued: Queued
    def __init__(self, context_id: _Optional[str] = ..., session_opened: _Optional[_Union[SessionOpened, _Mapping]] = ..., context_started: _Optional[_Union[ContextStarted, _Mapping]] = ..., segment_started: _Optional[_Union[SegmentStarted, _Mapping]] = ..., audio: _Optional[_Union[AudioChunk, _Mapping]] = ..., progress: _Optional[_Union[Progress, _Mapping]] = ..., flushed: _Optional[_Union[Flushed, _Mapping]] = ..., completed: _Optional[_Union[ContextCompleted, _Mapping]] = ..., cancelled: _Optional[_Union[ContextCancelled, _Mapping]] = ..., failed: _Optional[_Union[ContextFailed, _Mapping]] = ..., draining: _Optional[_Union[Draining, _Mapping]] = ..., queued: _Optional[_Union[Queued, _Mapping]] = ...) -> None: ...

class SessionOpened(_message.Message):
    __slots__ = ("session_id", "native_sample_rate_hz", "max_contexts", "max_text_characters", "effective_config")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    NATIVE_SAMPLE_RATE_HZ_FIELD_NUMBER: _ClassVar[int]
    MAX_CONTEXTS_FIELD_NUMBER: _ClassVar[int]
    MAX_TEXT_CHARACTERS_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_CONFIG_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    native_sample_rate_hz: int
    max_contexts: int
    max_text_characters: int
    effective_config: SpeechConfig
    def __init__(self, session_id: _Optional[str] = ..., native_sample_rate_hz: _Optional[int] = ..., max_contexts: _Optional[int] = ..., max_text_characters: _Optional[int] = ..., effective_config: _Optional[_Union[SpeechConfig, _Mapping]] = ...) -> None: ...

class ContextStarted(_message.Message):
    __slots__ = ("effective_config", "receipt")
    EFFECTIVE_CONFIG_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    effective_config: SpeechConfig
    receipt: _audio_pb2.SpeechReceipt
    def __init__(self, effective_config: _Optional[_Union[SpeechConfig, _Mapping]] = ..., receipt: _Optional[_Union[_audio_pb2.SpeechReceipt, _Mapping]] = ...) -> None: ...

class SegmentStarted(_message.Message):
    __slots__ = ("segment",)
    SEGMENT_FIELD_NUMBER: _ClassVar[int]
    segment: _audio_pb2.Segment
    def __init__(self, segment: _Optional[_Union[_audio_pb2.Segment, _Mapping]] = ...) -> None: ...

class AudioChunk(_message.Message):
    __slots__ = ("data", "start_sample", "sample_count", "segment_index", "chunk_index", "start_hint")
    DATA_FIELD_NUMBER: _ClassVar[int]
    START_SAMPLE_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_COUNT_FIELD_NUMBER: _ClassVar[int]
    SEGMENT_INDEX_FIELD_NUMBER: _ClassVar[int]
    CHUNK_INDEX_FIELD_NUMBER: _ClassVar[int]
    START_HINT_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    start_sample: int
    sample_count: int
    segment_index: int
    chunk_index: int
    start_hint: _audio_pb2.StartHint
    def __init__(self, data: _Optional[bytes] = ..., start_sample: _Optional[int] = ..., sample_count: _Optional[int] = ..., segment_index: _Optional[int] = ..., chunk_index: _Optional[int] = ..., start_hint: _Optional[_Union[_audio_pb2.StartHint, _Mapping]] = ...) -> None: ...

class Queued(_message.Message):
    __slots__ = ("position", "estimated_wait")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_WAIT_FIELD_NUMBER: _ClassVar[int]
    position: int
    estimated_wait: _duration_pb2.Duration
    def __init__(self, position: _Optional[int] = ..., estimated_wait: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ("segment_index", "queue_position", "semantic_tokens", "coarse_frames", "audio_sent", "expected_utterance_duration", "start_hint")
    SEGMENT_INDEX_FIELD_NUMBER: _ClassVar[int]
    QUEUE_POSITION_FIELD_NUMBER: _ClassVar[int]
    SEMANTIC_TOKENS_FIELD_NUMBER: _ClassVar[int]
    COARSE_FRAMES_FIELD_NUMBER: _ClassVar[int]
    AUDIO_SENT_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_UTTERANCE_DURATION_FIELD_NUMBER: _ClassVar[int]
    START_HINT_FIELD_NUMBER: _ClassVar[int]
    segment_index: int
    queue_position: int
    semantic_tokens: int
    coarse_frames: int
    audio_sent: _duration_pb2.Duration
    expected_utterance_duration: _duration_pb2.Duration
    start_hint: _audio_pb2.StartHint
    def __init__(self, segment_index: _Optional[int] = ..., queue_position: _Optional[int] = ..., semantic_tokens: _Optional[int] = ..., coarse_frames: _Optional[int] = ..., audio_sent: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., expected_utterance_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., start_hint: _Optional[_Union[_audio_pb2.StartHint, _Mapping]] = ...) -> None: ...

class Flushed(_message.Message):
    __slots__ = ("flush_id", "audio_sent")
    FLUSH_ID_FIELD_NUMBER: _ClassVar[int]
    AUDIO_SENT_FIELD_NUMBER: _ClassVar[int]
    flush_id: str
    audio_sent: _duration_pb2.Duration
    def __init__(self, flush_id: _Optional[str] = ..., audio_sent: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class ContextCompleted(_message.Message):
    __slots__ = ("usage", "timing", "receipt")
    USAGE_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    usage: _audio_pb2.SpeechUsage
    timing: _audio_pb2.SpeechTiming
    receipt: _audio_pb2.SpeechReceipt
    def __init__(self, usage: _Optional[_Union[_audio_pb2.SpeechUsage, _Mapping]] = ..., timing: _Optional[_Union[_audio_pb2.SpeechTiming, _Mapping]] = ..., receipt: _Optional[_Union[_audio_pb2.SpeechReceipt, _Mapping]] = ...) -> None: ...

class ContextCancelled(_message.Message):
    __slots__ = ("text_spoken", "text_remaining", "audio_sent", "played", "played_reported", "usage")
    TEXT_SPOKEN_FIELD_NUMBER: _ClassVar[int]
    TEXT_REMAINING_FIELD_NUMBER: _ClassVar[int]
    AUDIO_SENT_FIELD_NUMBER: _ClassVar[int]
    PLAYED_FIELD_NUMBER: _ClassVar[int]
    PLAYED_REPORTED_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    text_spoken: str
    text_remaining: str
    audio_sent: _duration_pb2.Duration
    played: _duration_pb2.Duration
    played_reported: bool
    usage: _audio_pb2.SpeechUsage
    def __init__(self, text_spoken: _Optional[str] = ..., text_remaining: _Optional[str] = ..., audio_sent: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., played: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., played_reported: bool = ..., usage: _Optional[_Union[_audio_pb2.SpeechUsage, _Mapping]] = ...) -> None: ...

class ContextFailed(_message.Message):
    __slots__ = ("status",)
    STATUS_FIELD_NUMBER: _ClassVar[int]
    status: _status_pb2.Status
    def __init__(self, status: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class Draining(_message.Message):
    __slots__ = ("grace",)
    GRACE_FIELD_NUMBER: _ClassVar[int]
    grace: _duration_pb2.Duration
    def __init__(self, grace: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

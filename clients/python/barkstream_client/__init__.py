"""Client of barkstream: text in, speech out while it is still being generated.

Needs grpcio, protobuf and numpy; never torch. ``barkstream_client.testing`` has a fake server,
``barkstream_client.playback`` a loudspeaker; neither is imported from here.
"""

from barkstream_client.client import SpeechClient
from barkstream_client.connection import Connection, ConnectionOptions
from barkstream_client.context import SpeechContext
from barkstream_client.errors import (
    AbortedError,
    AccessError,
    CallCancelledError,
    ClientError,
    ClosedError,
    DeadlineError,
    ErrorInfo,
    FieldViolation,
    InvalidRequestError,
    NotFoundError,
    OptionError,
    OutOfOrderError,
    ProtocolError,
    ServerFailureError,
    ServerFullError,
    SlowReaderError,
    SpeechError,
    UnavailableError,
    UndecodableError,
)
from barkstream_client.events import (
    Audio,
    CancelReport,
    Completed,
    Draining,
    Flushed,
    Progress,
    Queued,
    Receipt,
    Segment,
    SpeechEvent,
    Started,
    StartHint,
    TimedSegment,
    Timing,
    Usage,
)
from barkstream_client.options import Encoding, SpeechOptions
from barkstream_client.server_info import ModelInfo, ServerInfo, ServerLimits, ServerLoad, Voice
from barkstream_client.session import SessionInfo, SpeechSession
from barkstream_client.speech import Speech
from barkstream_client.stream import SpeechStream
from barkstream_client.sync import SyncSpeechClient, SyncSpeechStream
from barkstream_client.sync_session import SyncSpeechContext, SyncSpeechSession

__all__ = [
    "AbortedError",
    "AccessError",
    "Audio",
    "CallCancelledError",
    "CancelReport",
    "ClientError",
    "ClosedError",
    "Completed",
    "Connection",
    "ConnectionOptions",
    "DeadlineError",
    "Draining",
    "Encoding",
    "ErrorInfo",
    "FieldViolation",
    "Flushed",
    "InvalidRequestError",
    "ModelInfo",
    "NotFoundError",
    "OptionError",
    "OutOfOrderError",
    "Progress",
    "ProtocolError",
    "Queued",
    "Receipt",
    "Segment",
    "ServerFailureError",
    "ServerFullError",
    "ServerInfo",
    "ServerLimits",
    "ServerLoad",
    "SessionInfo",
    "SlowReaderError",
    "Speech",
    "SpeechClient",
    "SpeechContext",
    "SpeechError",
    "SpeechEvent",
    "SpeechOptions",
    "SpeechSession",
    "SpeechStream",
    "StartHint",
    "Started",
    "SyncSpeechClient",
    "SyncSpeechContext",
    "SyncSpeechSession",
    "SyncSpeechStream",
    "TimedSegment",
    "Timing",
    "UnavailableError",
    "UndecodableError",
    "Usage",
    "Voice",
]

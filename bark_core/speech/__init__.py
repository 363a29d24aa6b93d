"""Speaking: text in, ordered audio and reports out. No I/O, no model, no threads but in speak."""

from bark_core.speech.context import SpeechContext
from bark_core.speech.events import (
    Actions,
    CancelReport,
    ContextAudio,
    ContextCompleted,
    ContextEvent,
    ContextFailed,
    ContextProgress,
    ContextQueued,
    Flushed,
    SegmentCompleted,
    SegmentStarted,
    SpeechReceipt,
    SpeechTiming,
    SpeechUsage,
    TerminalContextEvent,
)
from bark_core.speech.frontend import SpeechFrontend
from bark_core.speech.settings import Continuity, NamedVoice, SpeechSettings
from bark_core.speech.speak import speak

__all__ = [
    "Actions",
    "CancelReport",
    "ContextAudio",
    "ContextCompleted",
    "ContextEvent",
    "ContextFailed",
    "ContextProgress",
    "ContextQueued",
    "Continuity",
    "Flushed",
    "NamedVoice",
    "SegmentCompleted",
    "SegmentStarted",
    "SpeechContext",
    "SpeechFrontend",
    "SpeechReceipt",
    "SpeechSettings",
    "SpeechTiming",
    "SpeechUsage",
    "TerminalContextEvent",
    "speak",
]

"""What comes out of a context: plain frozen data, exactly one terminal event at the end.

Samples are counted at the model's own rate, from the first sample of the context, pauses included.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bark_core.engine.events import UtteranceReport
from bark_core.engine.request import UtteranceRequest
from bark_core.engine.start_hint import StartHint
from bark_core.errors import BarkstreamError
from bark_core.text.base import TextSegment
from bark_core.voices import Voice


@dataclass(frozen=True, slots=True)
class SpeechUsage:
    """What was made.

    Attributes:
        text_characters: Code points of text given.
        utterances: Utterances made, those without sound included.
        semantic_tokens: Semantic tokens made.
        codec_frames: Codec frames made.
        samples: Samples sent, at the model's rate, pauses included.
    """

    text_characters: int
    utterances: int
    semantic_tokens: int
    codec_frames: int
    samples: int


@dataclass(frozen=True, slots=True)
class SpeechTiming:
    """How long it took.

    Attributes:
        first_audio_s: From the first text to the first audio; None: no audio.
        total_s: From the first text to the end.
        queued_s: Waiting for a slot, all utterances together.
        audio_s: Length of the audio sent.
    """

    first_audio_s: float | None
    total_s: float
    queued_s: float
    audio_s: float

    @property
    def real_time_factor(self) -> float:
        """``total_s / audio_s``; 0 without audio."""
        return self.total_s / self.audio_s if self.audio_s > 0 else 0.0


@dataclass(frozen=True, slots=True)
class SpeechReceipt:
    """What is needed to make the same speech again.

    Attributes:
        seed: The seed used.
        voice: Name of the voice used; "none": the model invented a speaker.
        model: Name of the checkpoint.
    """

    seed: int
    voice: str
    model: str


@dataclass(frozen=True, slots=True)
class SegmentStarted:
    """An utterance begins to sound (or turned out to have nothing to say).

    Attributes:
        segment: Its text.
        start_sample: Where its audio begins.
    """

    segment: TextSegment
    start_sample: int


@dataclass(frozen=True, slots=True)
class ContextAudio:
    """The next samples, in order and without gaps.

    Attributes:
        pcm: float32 [N], finite, not clipped, N >= 1.
        start_sample: Position of pcm[0].
        segment_index: The utterance; a pause counts as the utterance before it.
        start_hint: What a listener who is silent should wait for, this audio included. None:
            nothing new.
    """

    pcm: NDArray[np.float32]
    start_sample: int
    segment_index: int
    start_hint: StartHint | None = None


@dataclass(frozen=True, slots=True)
class ContextProgress:
    """Where the utterance stands whose audio comes next.

    Attributes:
        segment_index: The utterance.
        waiting: It has no slot yet.
        semantic_tokens: Made so far.
        coarse_frames: Made so far.
        expected_samples: Length of the utterance, exact or estimated; None: unknown.
        sent_samples: Audio of the context sent so far.
        start_hint: What a listener who waits should now wait for; None: nothing new, or nobody
            waits.
    """

    segment_index: int
    waiting: bool
    semantic_tokens: int
    coarse_frames: int
    expected_samples: int | None
    sent_samples: int
    start_hint: StartHint | None = None


@dataclass(frozen=True, slots=True)
class ContextQueued:
    """An utterance waits in line for a place.

    Attributes:
        position: 1 is next.
        wait_s: Expected wait from now.
    """

    position: int
    wait_s: float


@dataclass(frozen=True, slots=True)
class SegmentCompleted:
    """All audio of an utterance was sent.

    Attributes:
        segment: Its text.
        start_sample: Where its audio begins.
        sample_count: Length of its audio, without pauses; 0: the model had nothing to say.
        report: What making it took.
        tokens: Its tokens, where ``keep_tokens`` was asked for.
    """

    segment: TextSegment
    start_sample: int
    sample_count: int
    report: UtteranceReport
    tokens: Voice | None


@dataclass(frozen=True, slots=True)
class Flushed:
    """All audio of the text before a flush was sent.

    Attributes:
        flush_id: As given.
        sent_samples: Audio of the context sent so far.
    """

    flush_id: str
    sent_samples: int


@dataclass(frozen=True, slots=True)
class ContextCompleted:
    """Terminal: all was spoken."""

    usage: SpeechUsage
    timing: SpeechTiming
    receipt: SpeechReceipt


@dataclass(frozen=True, slots=True)
class CancelReport:
    """Terminal: the caller cancelled.

    ``text_spoken + text_remaining`` is the source text, code point for code point.

    Attributes:
        text_spoken: Source text that was heard, to the nearest word by time.
        text_remaining: The rest.
        audio_sent_s: Audio sent.
        played_s: Audio heard, at most ``audio_sent_s``.
        played_reported: ``played_s`` came from the listener; else the clock says so.
        usage: What was made.
    """

    text_spoken: str
    text_remaining: str
    audio_sent_s: float
    played_s: float
    played_reported: bool
    usage: SpeechUsage


@dataclass(frozen=True, slots=True)
class ContextFailed:
    """Terminal: it failed. Its other utterances are aborted; other contexts go on."""

    error: BarkstreamError
    usage: SpeechUsage


ContextEvent = (
    SegmentStarted
    | ContextAudio
    | ContextProgress
    | ContextQueued
    | SegmentCompleted
    | Flushed
    | ContextCompleted
    | CancelReport
    | ContextFailed
)
TerminalContextEvent = ContextCompleted | CancelReport | ContextFailed


@dataclass(frozen=True, slots=True)
class Actions:
    """What the owner of a context has to do now, in this order.

    Attributes:
        abort: Utterance ids for ``Engine.abort``.
        submit: Requests for ``Engine.submit``, in order. Where that raises, call
            ``SpeechContext.fail`` with the error.
        played_s: For ``Engine.report_playback`` with the context's ``stream_id``; None: nothing.
        events: For the caller, in order.
    """

    abort: tuple[str, ...] = ()
    submit: tuple[UtteranceRequest, ...] = ()
    played_s: float | None = None
    events: tuple[ContextEvent, ...] = ()

"""What comes out of the engine: plain frozen data. One terminal event for every utterance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bark_core.engine.start_hint import StartHint
from bark_core.errors import BarkstreamError
from bark_core.voices import Voice


@dataclass(frozen=True, slots=True)
class UtteranceStarted:
    """A slot was given; computing begins."""

    utterance_id: str


@dataclass(frozen=True, slots=True)
class UtteranceQueued:
    """It waits in line for a place; sent again when its position changes.

    Attributes:
        position: 1 is next.
        wait_s: Expected wait from now.
    """

    utterance_id: str
    position: int
    wait_s: float


@dataclass(frozen=True, slots=True)
class AudioReady:
    """The next samples of an utterance, in order and without gaps.

    Attributes:
        pcm: float32 [N] at the model's rate, not clipped, finite, N >= 1.
        start_sample: Offset of pcm[0] in the utterance.
        start_hint: What a listener who is silent should wait for, this audio included. None where
            the listener is taken to be playing.
    """

    utterance_id: str
    pcm: NDArray[np.float32]
    start_sample: int
    start_hint: StartHint | None = None


@dataclass(frozen=True, slots=True)
class UtteranceProgress:
    """Where an utterance stands; sent at most every ``progress_interval_s`` of the engine.

    Attributes:
        semantic_tokens: Made so far.
        semantic_done: No more will come; then ``expected_samples`` is exact.
        coarse_frames: Made so far.
        fine_frames: Final so far.
        expected_samples: Length of the whole utterance, exact or estimated (None: unknown yet).
        start_hint: What a listener who waits should now wait for; None: nobody waits for a hint.
    """

    utterance_id: str
    semantic_tokens: int
    semantic_done: bool
    coarse_frames: int
    fine_frames: int
    expected_samples: int | None
    start_hint: StartHint | None = None


@dataclass(frozen=True, slots=True)
class StageSeconds:
    """Seconds of model time that an utterance took part in, by stage."""

    semantic_prefill_s: float = 0.0
    semantic_s: float = 0.0
    coarse_prefill_s: float = 0.0
    coarse_s: float = 0.0
    fine_s: float = 0.0
    codec_s: float = 0.0


@dataclass(frozen=True, slots=True)
class StageReport:
    """When an utterance was worked on at one stage, prefills included.

    Attributes:
        stage: "semantic", "coarse", "fine" or "codec".
        first_s: Seconds from submission to the start of its first batch.
        last_s: Seconds from submission to the end of its last batch.
        busy_s: Seconds of model time that it took part in.
        batches: How many it took part in.
        tokens: Made: semantic tokens, coarse or fine tokens of all their codebooks, frames
            decoded. What was made twice (after a failure) counts once.
    """

    stage: str
    first_s: float
    last_s: float
    busy_s: float
    batches: int
    tokens: int


@dataclass(frozen=True, slots=True)
class UtteranceReport:
    """What making an utterance took, or what was made of one that came to no end.

    Attributes:
        semantic_tokens: Tokens made by the semantic stage (0: the model had nothing to say).
        frames: Codec frames whose codes are final.
        samples: Length of the audio.
        first_audio_s: Seconds from submission to the first AudioReady (None: no audio).
        total_s: Seconds from submission to the end.
        queued_s: Seconds from submission to UtteranceStarted.
        stages: Model time by stage.
        hit_limit: The semantic stage stopped at its limit, not at an end token.
        underruns: Times the listener, hearing in real time, had run dry before more came.
        submitted_s: ``time.monotonic()`` moment of submission, which everything counts from.
        work: Stages that ran, in their order.
    """

    semantic_tokens: int
    frames: int
    samples: int
    first_audio_s: float | None
    total_s: float
    queued_s: float
    stages: StageSeconds
    hit_limit: bool
    underruns: int = 0
    submitted_s: float = 0.0
    work: tuple[StageReport, ...] = ()


@dataclass(frozen=True, slots=True)
class UtteranceFinished:
    """Terminal: all audio has been sent. ``tokens`` only where ``keep_tokens`` was asked."""

    utterance_id: str
    report: UtteranceReport
    tokens: Voice | None


@dataclass(frozen=True, slots=True)
class UtteranceAborted:
    """Terminal: the caller aborted it; nothing follows. ``report``: what was made until then."""

    utterance_id: str
    report: UtteranceReport | None = None


@dataclass(frozen=True, slots=True)
class UtteranceFailed:
    """Terminal: it failed. Others go on.

    Attributes:
        report: What was made until then; None: it was lost together with the engine.
    """

    utterance_id: str
    error: BarkstreamError
    report: UtteranceReport | None = None


Event = (
    UtteranceQueued
    | UtteranceStarted
    | AudioReady
    | UtteranceProgress
    | UtteranceFinished
    | UtteranceAborted
    | UtteranceFailed
)
TerminalEvent = UtteranceFinished | UtteranceAborted | UtteranceFailed

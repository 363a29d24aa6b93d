"""What comes back from the server: plain frozen data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from barkstream_client.options import SpeechOptions
from barkstream_client.pcm import decode_pcm


@dataclass(frozen=True, slots=True)
class Receipt:
    """What is needed, beside text and options, to make the same speech again."""

    seed: int
    voice: str
    model: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What was made. ``samples`` are those sent, at the rate of the format."""

    text_characters: int
    utterances: int
    semantic_tokens: int
    codec_frames: int
    samples: int
    audio_s: float


@dataclass(frozen=True, slots=True)
class Timing:
    """How long it took, as the server measured it.

    Attributes:
        first_audio_s: From the first text to the first audio; None: there was no audio.
        total_s: From the first text to the end.
        queued_s: Waiting for a slot of the engine.
        real_time_factor: total / audio duration; 0: no audio.
    """

    first_audio_s: float | None
    total_s: float
    queued_s: float
    real_time_factor: float


@dataclass(frozen=True, slots=True)
class Segment:
    """One utterance of a text; also the event that it begins.

    Attributes:
        index: Position in the text, from 0.
        source_start: First code point of its source in the whole text.
        source_end: One past the last one.
        spoken_text: What is spoken, after normalisation.
    """

    index: int
    source_start: int
    source_end: int
    spoken_text: str


@dataclass(frozen=True, slots=True)
class TimedSegment:
    """An utterance and its place in the audio, in samples of the format's rate."""

    segment: Segment
    start_sample: int
    sample_count: int


@dataclass(frozen=True, slots=True)
class Started:
    """The first event: what is in effect.

    Attributes:
        options: The effective options with every default filled in; with the receipt's seed they
            make the same speech again.
        receipt: Seed, voice and model.
    """

    options: SpeechOptions
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class StartHint:
    """What a player that is silent should wait for, so that it does not run dry afterwards.

    A later one replaces it; a player that is playing ignores it. Ask for ``honours_start_hint``
    where the player goes by it, and feed it to ``barkstream_client.playback``.

    Attributes:
        buffer_s: Audio to hold, received and not yet played, before it starts; 0: start.
        expected_audio_s: Audio still to come, of the text known so far.
        expected_wait_s: Time until that buffer will have come; 0: it has.
    """

    buffer_s: float
    expected_audio_s: float = 0.0
    expected_wait_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Audio:
    """The next audio.

    Attributes:
        data: Bytes in the wanted encoding; whole samples.
        encoding: Such as "pcm_s16le".
        sample_rate_hz: Samples per second.
        start_sample: Position of the first sample, from the start of the speech.
        sample_count: Samples in data; for containers those encoded since the last chunk.
        segment_index: The utterance that the first sample belongs to.
        chunk_index: Counts from 0.
        start_hint: What a silent player should wait for, this audio included; None: nothing new.
    """

    data: bytes
    encoding: str
    sample_rate_hz: int
    start_sample: int
    sample_count: int
    segment_index: int
    chunk_index: int
    start_hint: StartHint | None = None

    def pcm(self) -> NDArray[np.float32]:
        """Samples in [-1, 1], float32 [N].

        Raises:
            UndecodableError: The encoding is a container ("wav", "ogg_opus").
        """
        return decode_pcm(self.data, self.encoding)


@dataclass(frozen=True, slots=True)
class Progress:
    """Still alive: where the work stands.

    Attributes:
        segment_index: The utterance being made.
        queue_position: Utterances waiting before this one gets a slot.
        semantic_tokens: Of the utterance so far.
        coarse_frames: Of the utterance so far.
        audio_sent_s: All utterances.
        expected_utterance_s: Once known or estimated.
        start_hint: What a player that waits should now wait for; None: nothing new.
    """

    segment_index: int
    queue_position: int
    semantic_tokens: int
    coarse_frames: int
    audio_sent_s: float
    expected_utterance_s: float | None
    start_hint: StartHint | None = None


@dataclass(frozen=True, slots=True)
class Flushed:
    """All text before the flush of that id was spoken and sent."""

    flush_id: str
    audio_sent_s: float


@dataclass(frozen=True, slots=True)
class Queued:
    """All places are taken: the text waits in line. Again whenever its position changes.

    Attributes:
        position: 1 is next.
        estimated_wait_s: Until it is its turn, as expected.
    """

    position: int
    estimated_wait_s: float


@dataclass(frozen=True, slots=True)
class Draining:
    """The server is shutting down: no new contexts; running ones have ``grace_s`` left."""

    grace_s: float


@dataclass(frozen=True, slots=True)
class Completed:
    """The last event: all was spoken."""

    usage: Usage
    timing: Timing
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class CancelReport:
    """The last event of a cancelled context: what the listener got to hear.

    Attributes:
        text_spoken: Source text heard, to the nearest word by time.
        text_remaining: Source text not heard.
        audio_sent_s: Audio that the server had sent.
        played_s: Audio heard, as reported or estimated.
        played_reported: True: ``played_s`` came from the caller.
        usage: What was made; None if the context was cancelled before the server knew it.
    """

    text_spoken: str
    text_remaining: str
    audio_sent_s: float
    played_s: float
    played_reported: bool
    usage: Usage | None


SpeechEvent = (
    Started | Queued | Segment | Audio | Progress | Flushed | Draining | Completed | CancelReport
)
"""Everything that a stream or a context may yield. A failure is raised, not yielded."""

"""The messages of one text: segments, tones, reports."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from barkstream.v1 import audio_pb2
from barkstream.v1 import speech_service_pb2 as pb
from barkstream_client.convert import segment
from barkstream_client.heard import Timeline
from barkstream_client.options import duration, seconds
from barkstream_client.testing.fake_audio import FloatArray, encode, tones, wav_header
from barkstream_client.testing.fake_status import invalid, not_found

NATIVE_RATE_HZ = 24_000
MODEL = "fake"
_DEFAULTS = pb.SpeechConfig(
    audio_format=audio_pb2.AudioFormat(
        encoding=audio_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hz=NATIVE_RATE_HZ
    ),
    voice=audio_pb2.VoiceSelection(continuity=audio_pb2.VOICE_CONTINUITY_PROMPT),
    sampling=audio_pb2.SamplingConfig(
        seed=0,
        semantic=audio_pb2.StageSampling(temperature=0.7),
        coarse=audio_pb2.StageSampling(temperature=0.7),
        fine=audio_pb2.StageSampling(temperature=0.5),
        min_eos_probability=0.2,
        latency_mode=audio_pb2.LATENCY_MODE_LOW,
    ),
    segmentation=audio_pb2.SegmentationConfig(max_utterance_tokens=40, pause=duration(0.15)),
    delivery=audio_pb2.DeliveryConfig(max_hold=duration(0.5)),
)
_SENTENCE = re.compile(r"\s*\S.*?[.!?]+(?=\s)", re.DOTALL)


def effective(
    voices: tuple[str, ...], chunk_s: float, *configs: pb.SpeechConfig
) -> pb.SpeechConfig:
    """Defaults, overlaid with each config in turn, and checked."""
    result = pb.SpeechConfig()
    result.CopyFrom(_DEFAULTS)
    result.voice.name = voices[0]
    result.audio_format.chunk_duration.CopyFrom(duration(chunk_s))
    for config in configs:
        _overlay(result, config)
    if result.audio_format.encoding == audio_pb2.AUDIO_ENCODING_OGG_OPUS:
        raise invalid(
            "the fake server has no Opus encoder; take another encoding",
            reason="AUDIO_FORMAT_UNSUPPORTED",
            field="config.audio_format.encoding",
        )
    if not 8_000 <= result.audio_format.sample_rate_hz <= 48_000:  # noqa: PLR2004
        raise invalid(
            "sample_rate_hz must be between 8000 and 48000",
            reason="AUDIO_FORMAT_UNSUPPORTED",
            field="config.audio_format.sample_rate_hz",
        )
    if result.voice.name not in (*voices, "none"):
        raise not_found(
            f"no voice is called that; there are: {', '.join(voices)}", reason="VOICE_NOT_FOUND"
        )
    return result


def _overlay(target: Message, source: Message) -> None:
    """Fields that are set in ``source`` win. MergeFrom would let a Duration of zero lose."""
    for field_descriptor, value in source.ListFields():
        name = field_descriptor.name
        if isinstance(value, Duration):
            getattr(target, name).CopyFrom(value)
        elif isinstance(value, Message):
            _overlay(getattr(target, name), value)
        else:
            setattr(target, name, value)


@dataclass(slots=True)
class FakeText:
    """Text of which sentences are taken as they become complete."""

    text: str = ""
    taken: int = 0

    def take(self, *, everything: bool = False) -> list[tuple[int, str]]:
        """Complete sentences (or all that is left) as (start, source)."""
        found = []
        while match := _SENTENCE.match(self.text, self.taken):
            found.append((match.start(), match.group()))
            self.taken = match.end()
        if everything and self.text[self.taken :].strip():
            found.append((self.taken, self.text[self.taken :]))
            self.taken = len(self.text)
        return [(start + _indent(source), source.strip()) for start, source in found]


def _indent(source: str) -> int:
    return len(source) - len(source.lstrip())


@dataclass(slots=True)
class FakeSpeech:
    """What the fake says about one text. No I/O, no waiting.

    Attributes:
        config: The effective config.
        source: The text.
        timeline: What was sent.
        placed: The utterances and their places.
        start_buffer_s: What a player was told to wait for; None: nothing.
    """

    config: pb.SpeechConfig
    source: FakeText = field(default_factory=FakeText)
    timeline: Timeline = field(default_factory=Timeline)
    placed: list[pb.TimedSegment] = field(default_factory=list)
    started_s: float = field(default_factory=time.monotonic)
    first_audio_s: float | None = None
    samples: int = 0
    chunks: int = 0
    start_buffer_s: float | None = None

    @property
    def rate_hz(self) -> int:
        """Of the format."""
        return self.config.audio_format.sample_rate_hz

    @property
    def sent_s(self) -> float:
        """Audio sent."""
        return self.samples / self.rate_hz

    def started(self) -> pb.ContextStarted:
        """What is in effect."""
        return pb.ContextStarted(effective_config=self.config, receipt=self.receipt())

    def queued(self, position: int, wait_s: float) -> pb.Queued:
        """It waits in line."""
        return pb.Queued(position=position, estimated_wait=duration(wait_s))

    def receipt(self) -> audio_pb2.SpeechReceipt:
        """How to make it again."""
        return audio_pb2.SpeechReceipt(
            seed=self.config.sampling.seed, voice=self.config.voice.name, model=MODEL
        )

    def speak(self, start: int, source: str) -> Iterator[pb.SegmentStarted | pb.AudioChunk]:
        """One utterance, chunk by chunk."""
        index = len(self.placed)
        if index:
            pause = round(seconds(self.config.segmentation.pause) * self.rate_hz)
            yield from self._chunks(np.zeros(pause, np.float32), index - 1)
        message = audio_pb2.Segment(
            index=index, source_start=start, source_end=start + len(source), spoken_text=source
        )
        self.timeline.segments[index] = segment(message)
        pcm = tones(source, self.rate_hz)
        self.placed.append(
            pb.TimedSegment(segment=message, start_sample=self.samples, sample_count=pcm.size)
        )
        self.timeline.ends[index] = self.samples + pcm.size
        yield pb.SegmentStarted(segment=message)
        yield from self._chunks(pcm, index)

    def hint(self, chunk: pb.AudioChunk, buffer_s: float | None) -> None:
        """Tell the player with the first chunk what to wait for; None: nothing."""
        if buffer_s is not None and not self.chunks:
            chunk.start_hint.buffer.CopyFrom(duration(buffer_s))
            self.start_buffer_s = buffer_s

    def note_sent(self, chunk: pb.AudioChunk) -> None:
        """A chunk left the server. To be called before the next one is taken."""
        self.timeline.sample_rate_hz = self.rate_hz
        self.timeline.starts.setdefault(chunk.segment_index, chunk.start_sample)
        self.samples += chunk.sample_count
        self.timeline.sample_count = self.samples
        self.chunks += 1
        if self.first_audio_s is None:
            self.first_audio_s = time.monotonic()

    def completed(self) -> pb.ContextCompleted:
        """The end."""
        return pb.ContextCompleted(usage=self.usage(), timing=self.timing(), receipt=self.receipt())

    def cancelled(self, played_s: float | None, reported_s: float | None) -> pb.ContextCancelled:
        """The end of a cancelled text. Without a report all that was sent counts as heard.

        Nothing of it where the player, as it has promised, still waits for more.
        """
        known = played_s if played_s is not None else reported_s
        waits = self.config.delivery.honours_start_hint and self.sent_s < (self.start_buffer_s or 0)
        played = (0.0 if waits else self.sent_s) if known is None else known
        heard = self.timeline.heard_until(self.source.text, played)
        return pb.ContextCancelled(
            text_spoken=self.source.text[:heard],
            text_remaining=self.source.text[heard:],
            audio_sent=duration(self.sent_s),
            played=duration(played),
            played_reported=known is not None,
            usage=self.usage(),
        )

    def progress(self) -> pb.Progress:
        """Still alive."""
        return pb.Progress(
            segment_index=max(0, len(self.placed) - 1), audio_sent=duration(self.sent_s)
        )

    def usage(self) -> audio_pb2.SpeechUsage:
        """What was made, in the units of the real model: 50 tokens and 75 frames a second."""
        return audio_pb2.SpeechUsage(
            text_characters=len(self.source.text),
            utterances=len(self.placed),
            semantic_tokens=round(50 * self.sent_s),
            codec_frames=round(75 * self.sent_s),
            samples=self.samples,
            audio_duration=duration(self.sent_s),
        )

    def timing(self) -> audio_pb2.SpeechTiming:
        """How long it took."""
        total_s = time.monotonic() - self.started_s
        first = None
        if self.first_audio_s is not None:
            first = duration(self.first_audio_s - self.started_s)
        return audio_pb2.SpeechTiming(
            first_audio=first,
            total=duration(total_s),
            real_time_factor=total_s / self.sent_s if self.samples else 0.0,
        )

    def _chunks(self, pcm: FloatArray, segment_index: int) -> Iterator[pb.AudioChunk]:
        size = round(seconds(self.config.audio_format.chunk_duration) * self.rate_hz)
        encoding = self.config.audio_format.encoding
        for start in range(0, pcm.size, size):
            part = pcm[start : start + size]
            header = b""
            if not self.chunks and encoding == audio_pb2.AUDIO_ENCODING_WAV:
                header = wav_header(self.rate_hz, 0xFFFFFFFF)
            yield pb.AudioChunk(
                data=header + encode(part, encoding),
                start_sample=self.samples,
                sample_count=part.size,
                segment_index=segment_index,
                chunk_index=self.chunks,
            )

"""Events of a context to the messages that both streaming methods send."""

from __future__ import annotations

from bark_core.audio import EncodedChunk
from bark_core.engine.start_hint import StartHint
from bark_core.speech import (
    CancelReport,
    ContextProgress,
    ContextQueued,
    SpeechReceipt,
    SpeechTiming,
    SpeechUsage,
)
from bark_core.text.base import TextSegment
from barkstream.v1 import audio_pb2
from barkstream.v1 import speech_service_pb2 as pb
from barkstream_server.convert.durations import duration_of


def segment_message(segment: TextSegment) -> audio_pb2.Segment:
    """An utterance."""
    return audio_pb2.Segment(
        index=segment.index,
        source_start=segment.source_start,
        source_end=segment.source_end,
        spoken_text=segment.spoken_text,
    )


def audio_message(chunk: EncodedChunk, *, segment_index: int, chunk_index: int) -> pb.AudioChunk:
    """Encoded audio."""
    return pb.AudioChunk(
        data=chunk.data,
        start_sample=chunk.start_sample,
        sample_count=chunk.sample_count,
        segment_index=segment_index,
        chunk_index=chunk_index,
    )


def start_hint_message(hint: StartHint) -> audio_pb2.StartHint:
    """What a silent player should wait for."""
    return audio_pb2.StartHint(
        buffer=duration_of(hint.buffer_s),
        expected_audio=duration_of(hint.expected_audio_s),
        expected_wait=duration_of(hint.wait_s),
    )


def progress_message(
    progress: ContextProgress | None,
    *,
    queue_position: int,
    audio_sent_s: float,
    native_rate_hz: int,
) -> pb.Progress:
    """Still alive, and where the work stands. ``progress`` None: nothing is being made.

    ``queue_position`` counts only while there is no slot.
    """
    message = pb.Progress(audio_sent=duration_of(audio_sent_s))
    if progress is None:
        return message
    message.segment_index = progress.segment_index
    message.queue_position = queue_position if progress.waiting else 0
    message.semantic_tokens = progress.semantic_tokens
    message.coarse_frames = progress.coarse_frames
    if progress.expected_samples is not None:
        expected = duration_of(progress.expected_samples / native_rate_hz)
        message.expected_utterance_duration.CopyFrom(expected)
    if progress.start_hint is not None:
        message.start_hint.CopyFrom(start_hint_message(progress.start_hint))
    return message


def queued_message(queued: ContextQueued) -> pb.Queued:
    """It waits in line."""
    return pb.Queued(position=queued.position, estimated_wait=duration_of(queued.wait_s))


def usage_message(usage: SpeechUsage, *, samples: int, rate_hz: int) -> audio_pb2.SpeechUsage:
    """What was made. ``samples`` are those sent, at the format's rate."""
    return audio_pb2.SpeechUsage(
        text_characters=usage.text_characters,
        utterances=usage.utterances,
        semantic_tokens=usage.semantic_tokens,
        codec_frames=usage.codec_frames,
        samples=samples,
        audio_duration=duration_of(samples / rate_hz),
    )


def timing_message(timing: SpeechTiming) -> audio_pb2.SpeechTiming:
    """How long it took."""
    message = audio_pb2.SpeechTiming(
        total=duration_of(timing.total_s),
        queued=duration_of(timing.queued_s),
        real_time_factor=timing.real_time_factor,
    )
    if timing.first_audio_s is not None:
        message.first_audio.CopyFrom(duration_of(timing.first_audio_s))
    return message


def receipt_message(receipt: SpeechReceipt) -> audio_pb2.SpeechReceipt:
    """How to make it again."""
    return audio_pb2.SpeechReceipt(
        seed=receipt.seed,
        voice="" if receipt.voice == "none" else receipt.voice,
        model=receipt.model,
    )


def cancelled_message(report: CancelReport, *, samples: int, rate_hz: int) -> pb.ContextCancelled:
    """What the listener has heard. ``samples`` are those sent, at the format's rate."""
    audio_sent_s = samples / rate_hz
    return pb.ContextCancelled(
        text_spoken=report.text_spoken,
        text_remaining=report.text_remaining,
        audio_sent=duration_of(audio_sent_s),
        played=duration_of(min(report.played_s, audio_sent_s)),
        played_reported=report.played_reported,
        usage=usage_message(report.usage, samples=samples, rate_hz=rate_hz),
    )

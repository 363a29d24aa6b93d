"""From messages to the dataclasses of ``events``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from barkstream.v1 import audio_pb2, server_service_pb2, speech_service_pb2, voice_service_pb2
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
from barkstream_client.options import decode_options, encoding_name, seconds
from barkstream_client.server_info import (
    ModelInfo,
    ServerInfo,
    ServerLimits,
    ServerLoad,
    Voice,
)
from barkstream_client.speech import Speech

Response = speech_service_pb2.StreamSynthesizeResponse | speech_service_pb2.ConverseResponse


class EventDecoder:
    """Turns the messages of one stream or context into events.

    It remembers the format that ``started`` announced, because audio messages do not repeat it.
    """

    def __init__(self) -> None:
        self._encoding = ""
        self._sample_rate_hz = 0

    def decode(self, response: Response) -> SpeechEvent | None:
        """The event, or None where a newer server sends something unknown (to be ignored)."""
        kind = response.WhichOneof("event")
        if kind is None:
            return None
        message = getattr(response, kind)
        if isinstance(message, speech_service_pb2.ContextStarted):
            return self._started(message)
        if isinstance(message, speech_service_pb2.AudioChunk):
            return self._audio(message)
        converter = _CONVERTERS.get(kind)
        return None if converter is None else converter(message)

    def _started(self, message: speech_service_pb2.ContextStarted) -> Started:
        config = message.effective_config
        self._encoding = encoding_name(config.audio_format.encoding)
        self._sample_rate_hz = config.audio_format.sample_rate_hz
        return Started(decode_options(config), receipt(message.receipt))

    def _audio(self, message: speech_service_pb2.AudioChunk) -> Audio:
        return Audio(
            data=message.data,
            encoding=self._encoding,
            sample_rate_hz=self._sample_rate_hz,
            start_sample=message.start_sample,
            sample_count=message.sample_count,
            segment_index=message.segment_index,
            chunk_index=message.chunk_index,
            start_hint=start_hint(message),
        )


def start_hint(
    message: speech_service_pb2.AudioChunk | speech_service_pb2.Progress,
) -> StartHint | None:
    """What a silent player should wait for."""
    if not message.HasField("start_hint"):
        return None
    hint = message.start_hint
    return StartHint(
        buffer_s=seconds(hint.buffer),
        expected_audio_s=seconds(hint.expected_audio),
        expected_wait_s=seconds(hint.expected_wait),
    )


def flushed(message: speech_service_pb2.Flushed) -> Flushed:
    """All text before a flush was spoken."""
    return Flushed(message.flush_id, seconds(message.audio_sent))


def queued(message: speech_service_pb2.Queued) -> Queued:
    """The text waits in line."""
    return Queued(message.position, seconds(message.estimated_wait))


def draining(message: speech_service_pb2.Draining) -> Draining:
    """The server is shutting down."""
    return Draining(seconds(message.grace))


def segment(message: audio_pb2.Segment) -> Segment:
    """One utterance of a text."""
    return Segment(message.index, message.source_start, message.source_end, message.spoken_text)


def progress(message: speech_service_pb2.Progress) -> Progress:
    """Where the work stands."""
    known = message.HasField("expected_utterance_duration")
    return Progress(
        segment_index=message.segment_index,
        queue_position=message.queue_position,
        semantic_tokens=message.semantic_tokens,
        coarse_frames=message.coarse_frames,
        audio_sent_s=seconds(message.audio_sent),
        expected_utterance_s=seconds(message.expected_utterance_duration) if known else None,
        start_hint=start_hint(message),
    )


def completed(message: speech_service_pb2.ContextCompleted) -> Completed:
    """The end of a text."""
    return Completed(usage(message.usage), timing(message.timing), receipt(message.receipt))


def cancel_report(message: speech_service_pb2.ContextCancelled) -> CancelReport:
    """The end of a cancelled text."""
    return CancelReport(
        text_spoken=message.text_spoken,
        text_remaining=message.text_remaining,
        audio_sent_s=seconds(message.audio_sent),
        played_s=seconds(message.played),
        played_reported=message.played_reported,
        usage=usage(message.usage),
    )


def usage(message: audio_pb2.SpeechUsage) -> Usage:
    """What was made."""
    return Usage(
        text_characters=message.text_characters,
        utterances=message.utterances,
        semantic_tokens=message.semantic_tokens,
        codec_frames=message.codec_frames,
        samples=message.samples,
        audio_s=seconds(message.audio_duration),
    )


def timing(message: audio_pb2.SpeechTiming) -> Timing:
    """How long it took."""
    heard = message.HasField("first_audio")
    return Timing(
        first_audio_s=seconds(message.first_audio) if heard else None,
        total_s=seconds(message.total),
        queued_s=seconds(message.queued),
        real_time_factor=message.real_time_factor,
    )


def receipt(message: audio_pb2.SpeechReceipt) -> Receipt:
    """How to make it again."""
    return Receipt(message.seed, message.voice, message.model)


def speech(message: speech_service_pb2.SynthesizeResponse) -> Speech:
    """A whole answer."""
    return Speech(
        audio=message.audio,
        encoding=encoding_name(message.audio_format.encoding),
        sample_rate_hz=message.audio_format.sample_rate_hz,
        segments=tuple(
            TimedSegment(segment(timed.segment), timed.start_sample, timed.sample_count)
            for timed in message.segments
        ),
        usage=usage(message.usage),
        timing=timing(message.timing),
        receipt=receipt(message.receipt),
    )


def voice(message: voice_service_pb2.Voice) -> Voice:
    """A voice."""
    return Voice(
        name=message.name,
        language_code=message.language_code,
        semantic_tokens=message.semantic_tokens,
        codec_frames=message.codec_frames,
        is_default=message.is_default,
    )


def server_info(message: server_service_pb2.GetServerInfoResponse) -> ServerInfo:
    """What the server is."""
    model, limits = message.model, message.limits
    return ServerInfo(
        version=message.version,
        model=ModelInfo(
            name=model.name,
            is_noise=model.is_noise,
            sample_rate_hz=model.sample_rate_hz,
            backend=model.backend,
            device=model.device,
            dtype=model.dtype,
        ),
        limits=ServerLimits(
            slots=limits.slots,
            max_waiting=limits.max_waiting,
            max_contexts_per_session=limits.max_contexts_per_session,
            max_synthesize_characters=limits.max_synthesize_characters,
            max_text_characters=limits.max_text_characters,
            max_wait_s=seconds(limits.max_wait) if limits.HasField("max_wait") else None,
        ),
        encodings=tuple(encoding_name(number) for number in message.encodings),
        default_voice=message.default_voice,
    )


def server_load(message: server_service_pb2.WatchLoadResponse) -> ServerLoad:
    """How busy the server is."""
    return ServerLoad(
        serving=message.serving,
        sessions=message.sessions,
        running=message.running,
        waiting=message.waiting,
        slots=message.slots,
        realtime_factor=message.realtime_factor,
        utterances=message.utterances,
        audio_s=seconds(message.audio),
        underruns=message.underruns,
        refusals=message.refusals,
        places=message.places,
        in_line=message.in_line,
        expected_wait_s=(
            seconds(message.expected_wait) if message.HasField("expected_wait") else None
        ),
        refusals_by_reason=dict(message.refusals_by_reason),
        least_lead_s=seconds(message.least_lead) if message.HasField("least_lead") else None,
    )


_CONVERTERS: dict[str, Callable[[Any], SpeechEvent]] = {
    "segment_started": lambda message: segment(message.segment),
    "progress": progress,
    "flushed": flushed,
    "queued": queued,
    "completed": completed,
    "cancelled": cancel_report,
    "draining": draining,
}

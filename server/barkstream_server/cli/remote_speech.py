"""Speech of a server, as ``say`` wants it."""

from __future__ import annotations

import sys
from collections.abc import Generator

import numpy as np

from barkstream_client import Audio, Completed, Progress, Segment, SpeechOptions
from barkstream_client.sync import SyncSpeechClient
from barkstream_server.cli.speech_order import Piece, Said, SpeechOrder
from barkstream_server.cli.stopwatch import Stopwatch

# Nobody listens yet while a file is written: pacing would only make the caller wait.
MAX_LEAD_S = 3600.0
READY_TIMEOUT_S = 15.0


def speak_remotely(order: SpeechOrder, target: str) -> Generator[Piece | Said, None, None]:
    """Let the server at ``target`` speak; yields audio, then the report.

    Raises:
        SpeechError: The server's answer.
    """
    options = _options(order)
    watch = Stopwatch()
    source_end = rate_hz = 0
    with SyncSpeechClient.connect(target) as client:
        client.wait_ready(READY_TIMEOUT_S)
        model = client.server_info(timeout_s=READY_TIMEOUT_S).model
        if model.is_noise and not order.quiet:
            print(f"{model.name} is a random model: what you hear is noise.", file=sys.stderr)
        deltas = watch.watch_text(order.deltas)
        if order.text is None:
            stream = client.converse(deltas, **options)
        else:
            stream = client.stream("".join(deltas), **options)
        for event in stream:
            match event:
                case Segment():
                    source_end = event.source_end
                case Audio():
                    watch.audio()
                    rate_hz = event.sample_rate_hz
                    yield Piece(event.pcm(), rate_hz, source_end, _buffer_s(event))
                case Progress() if rate_hz:
                    yield Piece(np.zeros(0, np.float32), rate_hz, source_end, _buffer_s(event))
                case Completed():
                    yield Said(
                        first_audio_s=watch.first_audio_s,
                        total_s=watch.total_s(),
                        audio_s=event.usage.audio_s,
                        seed=event.receipt.seed,
                        voice=event.receipt.voice,
                        model=event.receipt.model,
                    )
                case _:
                    pass


def _options(order: SpeechOrder) -> SpeechOptions:
    options = SpeechOptions(latency_mode=order.latency, max_lead_s=MAX_LEAD_S)  # type: ignore[typeddict-item]
    if order.honours_start_hint:
        options["honours_start_hint"] = True
    if order.voice:
        options["voice"] = order.voice
    if order.seed is not None:
        options["seed"] = order.seed
    if order.temperature is not None:
        options["semantic_temperature"] = order.temperature
        options["coarse_temperature"] = order.temperature
    return options


def _buffer_s(event: Audio | Progress) -> float | None:
    """What a silent loudspeaker should wait for."""
    return None if event.start_hint is None else event.start_hint.buffer_s

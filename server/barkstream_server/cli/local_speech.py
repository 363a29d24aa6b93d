"""Speech of an engine in this process, as ``say`` wants it."""

from __future__ import annotations

import sys
from collections.abc import Generator
from dataclasses import replace

from bark_core.backends.registry import BackendSpec
from bark_core.checkpoints import open_checkpoint
from bark_core.engine.interface import EngineLimits
from bark_core.engine.request import Pacing
from bark_core.engine.thread import ThreadEngine
from bark_core.options import ExactWindows, LowLatencyWindows
from bark_core.speech import (
    ContextAudio,
    ContextCompleted,
    ContextFailed,
    SegmentStarted,
    SpeechFrontend,
    speak,
)
from bark_core.text.base import SegmentationMode
from barkstream_server.cli.speech_order import Piece, Said, SpeechOrder
from barkstream_server.cli.stopwatch import Stopwatch

_SLOTS = 6  # for sentences of a long text: a slow machine makes so many together


def speak_locally(order: SpeechOrder) -> Generator[Piece | Said, None, None]:
    """Load the checkpoint here and speak; yields audio, then the report.

    Raises:
        BarkstreamError: What went wrong.
    """
    checkpoint = open_checkpoint(order.checkpoint, progress=not order.quiet)
    if checkpoint.notice and not order.quiet:
        print(checkpoint.notice, file=sys.stderr)
    frontend = SpeechFrontend(checkpoint)
    options = replace(
        frontend.defaults,
        windows=ExactWindows() if order.latency == "exact" else LowLatencyWindows(),
    )
    if order.temperature is not None:
        options = replace(
            options,
            semantic=replace(options.semantic, temperature=order.temperature),
            coarse=replace(options.coarse, temperature=order.temperature),
        )
    # As the server does: a text that is being written is not held back for what may follow.
    mode = SegmentationMode.LIVE if order.text is None else SegmentationMode.WHOLE
    settings = frontend.settings(
        voice=order.voice,
        seed=order.seed,
        options=options,
        segmentation=frontend.limits(mode),
        pacing=Pacing(honours_start_hint=order.honours_start_hint),
        utterances_ahead=_SLOTS,
    )
    engine = ThreadEngine(
        BackendSpec(
            checkpoint=checkpoint,
            backend=order.backend,
            device=order.device,
            dtype=order.dtype,
            slots=_SLOTS,
        ),
        checkpoint.config,
        EngineLimits(),
    )
    watch = Stopwatch()
    source_end = 0
    try:
        engine.start()
        for event in speak(engine, frontend, watch.watch_text(order.deltas), settings):
            match event:
                case SegmentStarted():
                    source_end = event.segment.source_end
                case ContextAudio():
                    watch.audio()
                    hint = event.start_hint
                    buffer_s = None if hint is None else hint.buffer_s
                    yield Piece(event.pcm, frontend.config.sample_rate_hz, source_end, buffer_s)
                case ContextCompleted():
                    yield Said(
                        first_audio_s=watch.first_audio_s,
                        total_s=watch.total_s(),
                        audio_s=event.timing.audio_s,
                        seed=event.receipt.seed,
                        voice=event.receipt.voice,
                        model=event.receipt.model,
                    )
                case ContextFailed():
                    raise event.error
                case _:
                    pass
    finally:
        engine.close()

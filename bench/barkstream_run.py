"""Barkstream's engine speaks the task, measured at its border; gRPC adds a few milliseconds."""

from __future__ import annotations

import queue
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bark_core.backends.registry import BackendSpec, create_backend
from bark_core.checkpoints import Checkpoint, open_checkpoint
from bark_core.engine.events import AudioReady, Event, UtteranceFailed, UtteranceFinished
from bark_core.engine.interface import EngineLimits
from bark_core.engine.request import UtteranceRequest
from bark_core.engine.thread import ThreadEngine
from bark_core.options import SynthesisOptions
from bench.contenders import BarkstreamContender
from bench.measurement import Chunk, Measurement, peak_memory_mb, stage_figures
from bench.random_voice import random_voice
from bench.recording import RecordingBackend
from bench.task import SEED, WARM_UP_TOKENS, Task

TIMEOUT_S = 1800.0


@dataclass(frozen=True, slots=True)
class RecordedEngine:
    """An engine, and the record of what its back end runs."""

    engine: ThreadEngine
    recorder: RecordingBackend


def start_recorded(spec: BackendSpec, checkpoint: Checkpoint) -> RecordedEngine:
    """Load and warm up.

    Raises:
        SetupError: The checkpoint, device or library is not usable.
    """
    recorder = RecordingBackend(create_backend(spec))
    engine = ThreadEngine(lambda: recorder, checkpoint.config, EngineLimits())
    engine.start()
    return RecordedEngine(engine, recorder)


def run_barkstream(contender: BarkstreamContender, task: Task) -> Measurement:
    """One utterance after a warm-up.

    Raises:
        BarkstreamError: It failed.
    """
    checkpoint = open_checkpoint(str(task.model), offline=True)
    spec = BackendSpec(
        checkpoint=checkpoint,
        backend=contender.backend,
        device="cpu",
        slots=1,
        threads=task.threads,
        dtype=contender.dtype,
    )
    recorded = start_recorded(spec, checkpoint)
    try:
        rate_hz = checkpoint.config.sample_rate_hz
        _speak(recorded, _request(contender, task, "warm-up", WARM_UP_TOKENS), rate_hz)
        return _speak(
            recorded, _request(contender, task, "measured", task.semantic_tokens), rate_hz
        )
    finally:
        recorded.engine.close()


def _request(
    contender: BarkstreamContender, task: Task, name: str, tokens: int
) -> UtteranceRequest:
    return UtteranceRequest(
        utterance_id=name,
        stream_id=name,
        index=0,
        text_ids=task.text_ids,
        voice=random_voice(),
        options=SynthesisOptions(
            seed=SEED, windows=contender.windows, forced_semantic_tokens=tokens
        ),
    )


def _speak(recorded: RecordedEngine, request: UtteranceRequest, rate_hz: int) -> Measurement:
    events: queue.SimpleQueue[tuple[float, Event]] = queue.SimpleQueue()

    def listen(batch: Sequence[Event]) -> None:
        at_s = time.perf_counter()
        for event in batch:
            events.put((at_s, event))

    recorded.recorder.take()
    start_s = time.perf_counter()
    recorded.engine.submit(request, listen)
    chunks: list[Chunk] = []
    while True:
        at_s, event = events.get(timeout=TIMEOUT_S)
        if isinstance(event, AudioReady):
            end = event.start_sample + event.pcm.size
            chunks.append(Chunk(at_s - start_s, event.start_sample / rate_hz, end / rate_hz))
        elif isinstance(event, UtteranceFailed):
            raise event.error
        elif isinstance(event, UtteranceFinished):
            break
    batches = tuple(
        replace(batch, start_s=batch.start_s - start_s, end_s=batch.end_s - start_s)
        for batch in recorded.recorder.take()
    )
    return Measurement(
        audio_s=chunks[-1].end_s,
        first_audio_s=chunks[0].made_s,
        total_s=at_s - start_s,
        peak_memory_mb=peak_memory_mb(),
        stages=stage_figures((batch.stage, batch.end_s - batch.start_s) for batch in batches),
        batches=batches,
        chunks=tuple(chunks),
    )

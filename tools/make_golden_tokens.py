"""Make ``tests/golden/tokens.json``: what the torch back end makes of the golden model.

``python -m tools.make_golden_tokens`` writes it anew. Its test says where the numbers moved; a
change that moves them has to say why it may.
"""

from __future__ import annotations

import itertools
import json
import queue
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bark_core.backends.registry import BackendSpec
from bark_core.checkpoints import open_checkpoint
from bark_core.engine import ThreadEngine, UtteranceRequest
from bark_core.engine.events import AudioReady, Event, UtteranceFinished
from bark_core.options import ExactWindows, LowLatencyWindows, SamplingParams, SynthesisOptions
from tools.make_golden import DIRECTORY

PATH = DIRECTORY.parent / "tokens.json"
TEXT_IDS = (5, 9, 2, 11)
FORCED_TOKENS = 40
SAMPLES_KEPT = 16

WINDOWS = {"exact": ExactWindows(), "low latency": LowLatencyWindows(ramp_frames=(4, 9, 15))}
SAMPLING = {
    "greedy": SamplingParams(temperature=0),
    "sampled": SamplingParams(temperature=0.7),
    "filtered": SamplingParams(temperature=0.9, top_k=12, top_p=0.9),
}


def made() -> dict[str, Any]:
    """Tokens and audio figures of every case, by the case's name."""
    checkpoint = open_checkpoint(str(DIRECTORY))
    spec = BackendSpec(checkpoint, backend="torch", device="cpu", threads=1)
    engine = ThreadEngine(spec, checkpoint.config)
    engine.start()
    voices = (None, checkpoint.voices().names()[0])
    found: dict[str, Any] = {}
    try:
        for window, sampling, voice in itertools.product(WINDOWS, SAMPLING, voices):
            params = SAMPLING[sampling]
            request = UtteranceRequest(
                utterance_id="golden",
                stream_id="golden",
                index=0,
                text_ids=TEXT_IDS,
                voice=None if voice is None else checkpoint.voices().get(voice),
                options=SynthesisOptions(
                    seed=20260101,
                    semantic=params,
                    coarse=params,
                    fine=SamplingParams(temperature=min(params.temperature, 0.5)),
                    forced_semantic_tokens=FORCED_TOKENS,
                    windows=WINDOWS[window],
                ),
                keep_tokens=True,
            )
            name = f"{window}, {sampling}, {'with' if voice else 'without'} a voice"
            found[name] = _spoken(engine, request)
    finally:
        engine.close()
    return found


def _spoken(engine: ThreadEngine, request: UtteranceRequest) -> dict[str, Any]:
    heard: queue.SimpleQueue[Event] = queue.SimpleQueue()

    def listen(events: Sequence[Event]) -> None:
        for event in events:
            heard.put(event)

    engine.submit(request, listen)
    pieces = []
    while True:
        event = heard.get()
        if isinstance(event, AudioReady):
            pieces.append(event.pcm)
        elif isinstance(event, UtteranceFinished):
            break
    assert event.tokens is not None
    pcm = np.concatenate(pieces).astype(np.float64)
    return {
        "semantic": event.tokens.semantic.tolist(),
        "fine": event.tokens.fine.tolist(),
        "samples": pcm.size,
        "rms": float(np.sqrt(np.mean(pcm**2))),
        "pcm": [float(x) for x in pcm[:: pcm.size // SAMPLES_KEPT]],
    }


def _compact(found: dict[str, Any]) -> str:
    """One line a list, so that a difference can be read."""
    cases = []
    for name, case in found.items():
        fields = [f"    {json.dumps(key)}: {json.dumps(value)}" for key, value in case.items()]
        cases.append(f"  {json.dumps(name)}: {{\n" + ",\n".join(fields) + "\n  }")
    return "{\n" + ",\n".join(cases) + "\n}\n"


if __name__ == "__main__":
    Path(PATH).write_text(_compact(made()))

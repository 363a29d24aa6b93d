"""What many utterances at once gain: seconds of audio a second, of the engine alone.

    python -m bench.throughput [--at-once 1 2 4 8] [--rounds 3]

Speaks utterances of forced lengths as fast as the machine can, so many at once, in alternating
rounds, and prints the medians beside those of one at a time. Neither server nor callers take part:
this is the most that `bench.load` can reach. Writes --output (bench/results/throughput.json).
"""

from __future__ import annotations

import argparse
import json
import queue
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

from bark_core.backends.registry import BackendSpec
from bark_core.checkpoints import open_checkpoint
from bark_core.engine.events import AudioReady, Event, UtteranceFailed, UtteranceFinished
from bark_core.engine.request import UtteranceRequest
from bark_core.engine.thread import ThreadEngine
from bark_core.options import SynthesisOptions
from bark_core.speech import SpeechFrontend
from bench.machine import machine

RESULTS = Path(__file__).resolve().parent / "results"
TEXT = "Your parcel left the depot an hour ago and should be with you by noon."
# Utterances end at different times, as callers' do; the mean is 4.5 s of a 37.5 Hz voice.
TOKENS, MORE_TOKENS = 120, 14
TIMEOUT_S = 600.0


class Crowd:
    """An engine that speaks to itself.

    Args:
        spec: What to run.
    """

    def __init__(self, spec: BackendSpec) -> None:
        self._spec = spec
        self._engine = ThreadEngine(spec, spec.checkpoint.config)
        self._engine.start()
        self._prompt = SpeechFrontend(spec.checkpoint).voice("").prompt  # the usual one
        self._text_ids = spec.checkpoint.tokenizer().encode(TEXT)
        self._number = 0

    def audio_s_per_s(self, at_once: int) -> float:
        """So many utterances, all begun in one moment.

        Raises:
            BarkstreamError: One failed.
        """
        events: queue.SimpleQueue[Event] = queue.SimpleQueue()

        def listen(batch: Sequence[Event]) -> None:
            for event in batch:
                events.put(event)

        start_s = time.perf_counter()
        for number in range(at_once):
            self._engine.submit(self._request(number), listen)
        samples, left = 0, at_once
        while left:
            event = events.get(timeout=TIMEOUT_S)
            if isinstance(event, UtteranceFailed):
                raise event.error
            if isinstance(event, AudioReady):
                samples += event.pcm.size
            left -= isinstance(event, UtteranceFinished)
        elapsed_s = time.perf_counter() - start_s
        return samples / self._spec.checkpoint.config.sample_rate_hz / elapsed_s

    def close(self) -> None:
        """Free the engine."""
        self._engine.close()

    def _request(self, number: int) -> UtteranceRequest:
        self._number += 1
        name = f"utterance {self._number}"
        tokens = TOKENS + number * MORE_TOKENS
        return UtteranceRequest(
            utterance_id=name,
            stream_id=name,
            index=0,
            text_ids=self._text_ids,
            voice=self._prompt,
            options=SynthesisOptions(seed=number, forced_semantic_tokens=tokens),
        )


def main() -> None:
    """Speak, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--checkpoint", default="embedded", help="as of `barkstream serve`")
    parser.add_argument("--dtype", default="auto", help="as of `barkstream serve`")
    parser.add_argument("--threads", type=int, help="as of `barkstream serve`")
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=RESULTS / "throughput.json")
    args = parser.parse_args()
    if min(args.at_once) < 1 or args.rounds < 1:
        parser.error("--at-once and --rounds must be at least 1")
    spec = BackendSpec(
        checkpoint=open_checkpoint(args.checkpoint, offline=True),
        backend="onnx",
        dtype=args.dtype,
        slots=max(args.at_once),
        threads=args.threads,
    )
    crowd = Crowd(spec)
    try:
        crowd.audio_s_per_s(min(args.at_once))  # what is done only once
        runs: dict[int, list[float]] = {number: [] for number in args.at_once}
        for _ in range(args.rounds):
            for number in args.at_once:
                runs[number].append(crowd.audio_s_per_s(number))
    finally:
        crowd.close()
    medians = {number: statistics.median(values) for number, values in runs.items()}
    first = medians[args.at_once[0]]
    print("| at once | audio s per s | times |")
    print("|---|---|---|")
    for number, median in medians.items():
        spread = f"{min(runs[number]):.2f} to {max(runs[number]):.2f}"
        print(f"| {number} | {median:.2f} ({spread}) | {median / first:.2f} |")
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text(json.dumps({"machine": machine(), "audio_s_per_s": runs}, indent=1))


if __name__ == "__main__":
    main()

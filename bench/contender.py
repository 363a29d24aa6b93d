"""One measurement in a process of its own: prints a line of JSON. Used by first_audio.py."""

from __future__ import annotations

import json
import queue
import resource
import sys
import time
from pathlib import Path

import numpy as np

from bench.random_bark import random_voice

TEXT_TOKENS = 24
SEED = 1


def transformers_run(model: Path, semantic_tokens: int, threads: int) -> dict[str, float]:
    """The transformers package, one utterance after a warm-up."""
    import torch  # noqa: PLC0415 - only this contender pays for the import
    from transformers import BarkModel  # noqa: PLC0415

    torch.set_num_threads(threads)
    bark = BarkModel.from_pretrained(model).eval()
    voice = random_voice()
    prompt = {
        "semantic_prompt": torch.from_numpy(voice.semantic),
        "coarse_prompt": torch.from_numpy(voice.coarse),
        "fine_prompt": torch.from_numpy(voice.fine),
    }
    ids = torch.zeros((1, 256), dtype=torch.long)
    ids[0, :TEXT_TOKENS] = torch.arange(1000, 1000 + TEXT_TOKENS)
    mask = (torch.arange(256) < TEXT_TOKENS)[None].long()

    def speak(tokens: int) -> tuple[float, int]:
        torch.manual_seed(SEED)
        start_s = time.perf_counter()
        with torch.inference_mode():
            audio = bark.generate(
                ids,
                history_prompt=prompt,
                attention_mask=mask,
                semantic_min_new_tokens=tokens,
                semantic_max_new_tokens=tokens,
            )
        return time.perf_counter() - start_s, audio.shape[-1]

    speak(4)
    total_s, samples = speak(semantic_tokens)
    return {"audio_s": samples / 24_000, "first_audio_s": total_s, "total_s": total_s}


def barkstream_run(
    model: Path, semantic_tokens: int, threads: int, backend: str, *, exact: bool
) -> dict[str, float]:
    """Barkstream's engine on one of its back ends, one utterance after a warm-up."""
    from bark_core.backends.registry import BackendSpec  # noqa: PLC0415
    from bark_core.checkpoints import open_checkpoint  # noqa: PLC0415
    from bark_core.engine.events import (  # noqa: PLC0415
        AudioReady,
        Event,
        UtteranceFailed,
        UtteranceFinished,
    )
    from bark_core.engine.interface import EngineLimits  # noqa: PLC0415
    from bark_core.engine.request import UtteranceRequest  # noqa: PLC0415
    from bark_core.engine.thread import ThreadEngine  # noqa: PLC0415
    from bark_core.options import (  # noqa: PLC0415
        ExactWindows,
        LowLatencyWindows,
        SynthesisOptions,
    )

    checkpoint = open_checkpoint(str(model), offline=True)
    spec = BackendSpec(
        checkpoint=checkpoint, backend=backend, device="cpu", slots=1, threads=threads
    )
    engine = ThreadEngine(spec, checkpoint.config, EngineLimits())
    engine.start()
    windows = ExactWindows() if exact else LowLatencyWindows()

    def speak(name: str, tokens: int) -> tuple[float, float, int]:
        events: queue.Queue[tuple[float, Event]] = queue.Queue()
        request = UtteranceRequest(
            utterance_id=name,
            stream_id=name,
            index=0,
            text_ids=tuple(range(1000, 1000 + TEXT_TOKENS)),
            voice=random_voice(),
            options=SynthesisOptions(seed=SEED, windows=windows, forced_semantic_tokens=tokens),
        )
        start_s = time.perf_counter()

        def listen(batch: object) -> None:
            for event in batch:  # type: ignore[attr-defined]
                events.put((time.perf_counter() - start_s, event))

        engine.submit(request, listen)
        first_s, samples = None, 0
        while True:
            at_s, event = events.get(timeout=1800)
            if isinstance(event, AudioReady):
                first_s = at_s if first_s is None else first_s
                samples += event.pcm.size
            elif isinstance(event, UtteranceFailed):
                raise event.error
            elif isinstance(event, UtteranceFinished):
                assert first_s is not None
                return first_s, at_s, samples

    speak("warm-up", 4)
    first_s, total_s, samples = speak("measured", semantic_tokens)
    engine.close()
    return {
        "audio_s": samples / checkpoint.config.sample_rate_hz,
        "first_audio_s": first_s,
        "total_s": total_s,
    }


def main() -> None:
    """Measure the contender named on the command line."""
    contender, model, seconds, threads = sys.argv[1:5]
    tokens = int(np.ceil(float(seconds) * 49.9))
    if contender == "transformers":
        figures = transformers_run(Path(model), tokens, int(threads))
    else:
        policy, _, backend = contender.partition("/")
        figures = barkstream_run(
            Path(model), tokens, int(threads), backend, exact=policy == "exact"
        )
    figures["peak_memory_mb"] = peak_memory_mb()
    print(json.dumps(figures))


def peak_memory_mb() -> float:
    """Most memory that this process ever held.

    Not by getrusage on Linux: what it says begins with the size of the process that started this
    one, and that one wrote the model.
    """
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 * 1024)  # macOS: bytes


if __name__ == "__main__":
    main()

"""The transformers package's Bark speaks the task. It gives everything at the end."""

from __future__ import annotations

import time
from typing import Any

import torch
from transformers import BarkModel

from bench.measurement import Chunk, Measurement, peak_memory_mb, stage_figures
from bench.random_voice import random_voice
from bench.task import SEED, WARM_UP_TOKENS, Task

SAMPLE_RATE_HZ = 24_000


def run_transformers(task: Task) -> Measurement:
    """One utterance after a warm-up."""
    torch.set_num_threads(task.threads)
    bark = BarkModel.from_pretrained(task.model).eval()
    voice = random_voice()
    prompt = {
        "semantic_prompt": torch.from_numpy(voice.semantic),
        "coarse_prompt": torch.from_numpy(voice.coarse),
        "fine_prompt": torch.from_numpy(voice.fine),
    }
    ids = torch.zeros((1, 256), dtype=torch.long)
    ids[0, : task.text_tokens] = torch.tensor(task.text_ids)
    mask = (torch.arange(256) < task.text_tokens)[None].long()
    spans: list[tuple[str, float]] = []
    _time_calls(bark.semantic, "generate", "semantic", spans)
    _time_calls(bark.coarse_acoustics, "generate", "coarse", spans)
    _time_calls(bark.fine_acoustics, "generate", "fine", spans)
    _time_calls(bark, "codec_decode", "codec", spans)

    def speak(tokens: int) -> tuple[float, float]:
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
        return time.perf_counter() - start_s, audio.shape[-1] / SAMPLE_RATE_HZ

    speak(WARM_UP_TOKENS)
    spans.clear()
    total_s, audio_s = speak(task.semantic_tokens)
    return Measurement(
        audio_s=audio_s,
        first_audio_s=total_s,
        total_s=total_s,
        peak_memory_mb=peak_memory_mb(),
        stages=stage_figures(spans),
        chunks=(Chunk(total_s, 0.0, audio_s),),
    )


def _time_calls(owner: Any, method: str, stage: str, spans: list[tuple[str, float]]) -> None:
    """Note how long every call of a method of this object takes."""
    untimed = getattr(owner, method)

    def timed(*args: Any, **kwargs: Any) -> Any:
        start_s = time.perf_counter()
        result = untimed(*args, **kwargs)
        spans.append((stage, time.perf_counter() - start_s))
        return result

    setattr(owner, method, timed)

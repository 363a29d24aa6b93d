"""Measure a stage on held-out sentences: word errors and DNSMOS; writes a line to `measured.jsonl`.

    python -m training.measure --root DIR --mode teacher|codec|fine|coarse|full [--count 60]

Modes say what is real and what is made: `codec` renders the teacher's codes, `fine` keeps its
first two books, `coarse` keeps its semantic tokens, `full` has only the text.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch

from bench.judges.opinion import overall_opinion
from bench.judges.recogniser import Recogniser
from bench.judges.words import word_errors
from training import corpus, speak, tokenised
from training.make_texts import held_out
from training.synthesise import HELD_OUT_FOLDER


def audio_of(
    mode: str,
    speaker: speak.Speaker | None,
    row: tokenised.Tokenised,
    prompt: tokenised.Tokenised,
    spoken: np.ndarray,
    temperatures: tuple[float, float, float],
) -> np.ndarray:
    """24 kHz audio of a held-out sentence, made as `mode` says."""
    if mode == "teacher" or speaker is None:
        return spoken.astype(np.float32) / 32768
    codes = row.codes
    if mode != "codec":
        coarse = codes[:2].astype(np.int64)
        if mode != "fine":
            semantic = row.semantic
            if mode == "full":
                semantic = speak.semantic_of(speaker, row.text, prompt, temperatures[0])
            if len(semantic) == 0:
                return np.zeros(8000, np.float32)
            coarse = speak.coarse_of(speaker, semantic, prompt, temperatures[1])
        codes = speak.fine_of(speaker, coarse, prompt, temperatures[2])
    return speak.render(speaker, codes)


def main(arguments: list[str] | None = None) -> None:
    """Command line of this step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--mode", default="codec")
    parser.add_argument("--count", type=int, default=60, help="sentences for each voice")
    parser.add_argument("--temperatures", type=float, nargs=3, default=(0.7, 0.7, 0.5))
    parser.add_argument("--keep", type=Path, help="folder for the first five files of each voice")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    root = options.root
    speaker = None if options.mode == "teacher" else speak.open_speaker(root)
    hear = Recogniser(root / "judge" / "whisper-base")
    allowed = set(held_out()[:: max(1, len(held_out()) // options.count)])
    for voice, name in enumerate(corpus.VOICES):
        rows = tokenised.read(root / "tokens" / HELD_OUT_FOLDER / f"shard-{name}.npz")
        spoken = {
            u.text: u.audio for u in corpus.read_shard(root / HELD_OUT_FOLDER / f"shard-{name}.npz")
        }
        prompt = tokenised.prompt_of(root, voice)
        wrong = words = 0
        scores, length, started = [], 0.0, time.monotonic()
        for index, row in enumerate([r for r in rows if r.text in allowed]):
            audio = audio_of(
                options.mode, speaker, row, prompt, spoken[row.text], tuple(options.temperatures)
            )
            length += len(audio) / 24_000
            heard = hear(audio)
            errors, count = word_errors(row.text, heard)
            wrong, words = wrong + errors, words + count
            if errors:
                print(f"{errors}: {row.text} | {heard}", flush=True)
            if index % 3 == 0:
                scores.append(overall_opinion(audio))
            if options.keep and index < 5:
                _write_wav(options.keep / f"{options.mode}-{name}-{index}.wav", audio)
        result = {
            "mode": options.mode,
            "voice": name,
            "wer": round(wrong / words, 4),
            "dnsmos": round(float(np.mean(scores)), 3),
            "seconds_of_audio": round(length, 1),
            "wall_seconds": round(time.monotonic() - started, 1),
            "temperatures": options.temperatures,
        }
        print(result, flush=True)
        with (root / "measured.jsonl").open("a") as file:
            file.write(json.dumps({"time": time.strftime("%F %T"), **result}) + "\n")


def _write_wav(path: Path, audio: np.ndarray) -> None:
    import wave

    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(24_000)
        file.writeframes(np.round(np.clip(audio, -1, 1) * 32767).astype("<i2").tobytes())


if __name__ == "__main__":
    main()

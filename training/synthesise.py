"""Step 2: let the teacher speak the texts, both voices in turn; resumes at the first missing shard.

    python -m training.synthesise --root DIR [--hours 8] [--worker 0 --workers 2]
    python -m training.synthesise --root DIR --front-only --hours 50

With `--front-only` no audio is made: alignments and pitch alone, some twenty times faster, are
what text-to-semantic training needs. Its texts begin where the audio's are expected to end, so
that both voices get the most different sentences.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from training import corpus
from training.make_texts import held_out
from training.teacher import source
from training.teacher.voice import Teacher

_EMPTY = np.zeros(0, np.int16)
HELD_OUT_FOLDER = "held_out"
FRONT_SIZE = 20  # times as many utterances in a shard without audio


def speak(teacher: Teacher, text: str, voice: int, *, front_only: bool) -> corpus.Utterance:
    """One utterance of the teacher."""
    plan = teacher.plan(text, corpus.VOICES[voice])
    if front_only:
        audio, levels = _EMPTY, source.pitch_levels(plan.f0_hz)
    else:
        samples, levels = teacher.speak(plan)
        audio = np.round(np.clip(samples, -1.0, 1.0) * 32767).astype(np.int16)
    f0_hz = plan.f0_hz.astype(np.float16)
    return corpus.Utterance(text, voice, plan.phones, plan.durations, f0_hz, levels, audio)


def assignments(texts: list[str], *, front_only: bool) -> list[tuple[str, int]]:
    """Which voice says which sentence: audio takes turns; the front-only pass says all, twice."""
    voices = len(corpus.VOICES)
    turns = [(text, index % voices) for index, text in enumerate(texts)]
    if not front_only:
        return turns
    swapped = [(text, (voice + 1) % voices) for text, voice in turns]
    return swapped[::-1] + turns[::-1]


def main(arguments: list[str] | None = None) -> None:
    """Command line of this step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--hours", type=float, default=8.0, help="of speech, both voices together")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop after so long")
    parser.add_argument("--worker", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--front-only", action="store_true")
    options = parser.parse_args(arguments)
    teacher = Teacher(options.root)
    _speak_held_out(teacher, options.root / HELD_OUT_FOLDER, options.worker)
    folder = options.root / ("front" if options.front_only else "audio")
    size = corpus.UTTERANCES_PER_SHARD * (FRONT_SIZE if options.front_only else 1)
    work = assignments(
        (options.root / "texts.txt").read_text("utf-8").splitlines(),
        front_only=options.front_only,
    )
    started, spoken = time.monotonic(), 0.0
    for number in range(options.worker, -(-len(work) // size), options.workers):
        path = folder / f"shard-{number:05d}.npz"
        if path.exists():
            continue
        late = time.monotonic() - started > options.minutes * 60
        if late or _hours(folder, size) >= options.hours:
            break
        made = []
        for text, voice in work[number * size : (number + 1) * size]:
            try:
                made.append(speak(teacher, text, voice, front_only=options.front_only))
            except ValueError as problem:  # a text without phones, or beyond the front end
                print(f"left out: {problem}", flush=True)
        corpus.write_shard(path, made)
        spoken += sum(len(u.f0_hz) for u in made) / 80
        speed = spoken / (time.monotonic() - started)
        print(f"{path.name} {spoken / 3600:.2f} h, {speed:.2f} x real time", flush=True)
    print("done", flush=True)


def _hours(folder: Path, size: int) -> float:
    """A close guess at the hours in `folder`: 3.3 s an utterance."""
    return len(corpus.shards(folder)) * size * 3.3 / 3600


def _speak_held_out(teacher: Teacher, folder: Path, worker: int) -> None:
    """The teacher's version of the held-out sentences, for measuring only."""
    if worker:
        return
    for voice, name in enumerate(corpus.VOICES):
        path = folder / f"shard-{name}.npz"
        if not path.exists():
            made = [speak(teacher, text, voice, front_only=False) for text in held_out()]
            corpus.write_shard(path, made)


if __name__ == "__main__":
    main()

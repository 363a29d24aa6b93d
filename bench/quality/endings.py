"""Does a voice end? Many utterances, whose lengths are all that is looked at.

    python -m bench.quality.endings [--checkpoint embedded] [--utterances 1000]

Speaks held-out sentences again and again, in every voice and with ever new seeds, through a server,
and lists those that were cut off, fell silent, or took longer than 1.6 times the teacher.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from barkstream_client import SpeechClient
from bench.load_server import ServerSettings, running_server
from bench.machine import machine
from bench.quality.figures import LONGEST_TO_TEACHER
from bench.quality.sentences import HELD_OUT, Teacher, sentences

RESULTS = Path(__file__).resolve().parents[1] / "results"
AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Ending:
    """One utterance: how long it was, and how long the teacher's is."""

    text: str
    voice: str
    seed: int
    seconds: float
    teacher_s: float

    @property
    def in_time(self) -> bool:
        """It ended by itself, neither at once nor late."""
        return 0 < self.seconds <= LONGEST_TO_TEACHER * self.teacher_s


async def spoken(checkpoint: str, texts: list[str], teacher: Teacher, count: int) -> list[Ending]:
    """``count`` utterances, a few at a time, every one with a seed of its own."""
    # Nobody listens: whoever has a slot begins.
    settings = ServerSettings(checkpoint=checkpoint, slots=AT_ONCE, admission="slots")
    async with running_server(settings) as target, SpeechClient.connect(target) as client:
        voices = [voice.name for voice in await client.list_voices()]
        turns = asyncio.Semaphore(AT_ONCE)

        async def one(seed: int) -> Ending:
            text = texts[seed % len(texts)]
            voice = voices[seed // len(texts) % len(voices)]
            async with turns:
                speech = await client.synthesize(text, voice=voice, seed=seed)
            return Ending(text, voice, seed, speech.usage.audio_s, teacher.seconds(text))

        return list(await asyncio.gather(*(one(seed) for seed in range(count))))


def main() -> None:
    """Speak, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--checkpoint", default="embedded")
    parser.add_argument("--utterances", type=int, default=1000)
    parser.add_argument("--count", type=int, default=100, help="different sentences")
    parser.add_argument("--sentences", type=Path, default=HELD_OUT, help="one a line")
    parser.add_argument("--teacher", type=Path, help="JSON {sentence: seconds}")
    parser.add_argument("--output", type=Path, default=RESULTS / "endings.json")
    args = parser.parse_args()
    if args.utterances < 1:
        parser.error("--utterances must be at least 1")
    texts = sentences(args.sentences, args.count)
    made = asyncio.run(spoken(args.checkpoint, texts, Teacher(args.teacher), args.utterances))
    late = [one for one in made if not one.in_time]
    args.output.parent.mkdir(parents=True, exist_ok=True)
    rows = {"machine": machine(), "utterances": [asdict(one) for one in made]}
    args.output.write_text(json.dumps(rows, indent=1) + "\n")
    print(f"{len(made) - len(late)} of {len(made)} ended by themselves, in time")
    for one in late:
        lengths = f"{one.seconds:.2f} s for {one.teacher_s:.2f}"
        print(f"{one.voice}, seed {one.seed}: {lengths}: {one.text}")


if __name__ == "__main__":
    main()

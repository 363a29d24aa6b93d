"""Judge a voice: words by Whisper, opinion by DNSMOS, lengths, and distances between ways.

    python -m bench.quality --checkpoint embedded --ways low-latency/int8 exact/float32

Needs the ``judge`` extra and the recogniser's packages (``bench.judges.recogniser.PACKAGES``).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from barkstream_client import SpeechClient
from bench.judges.opinion import overall_opinion
from bench.judges.recogniser import Recogniser
from bench.load_server import ServerSettings, running_server
from bench.machine import machine
from bench.quality.card import write_card
from bench.quality.court import Court, FloatArray, hear_all
from bench.quality.figures import Figures, mistakes, table
from bench.quality.sentences import HELD_OUT, Teacher, sentences
from bench.quality.way import Way, speaking

RESULTS = Path(__file__).resolve().parents[1] / "results"


async def voices_of(checkpoint: str) -> list[str]:
    """Names of its voices."""
    async with (
        running_server(ServerSettings(checkpoint=checkpoint, backend="onnx")) as target,
        SpeechClient.connect(target) as client,
    ):
        return [voice.name for voice in await client.list_voices()]


async def run(args: argparse.Namespace) -> list[Figures]:
    """All ways, all voices."""
    texts = sentences(args.sentences, args.count)
    recogniser = Recogniser(args.judges / "whisper-base")
    court = Court(recogniser, overall_opinion, Teacher(args.teacher))
    firsts: dict[str, dict[str, FloatArray]] = {}
    rows = []
    voices = args.voices or await voices_of(args.checkpoint)
    for way in args.ways:
        async with speaking(way, args.checkpoint) as speak:
            for voice in voices:
                made = firsts.setdefault(voice, {})
                heard = await hear_all(speak, voice, texts, court, made)
                row = Figures(voice, way.name, heard)
                rows.append(row)
                print(table([row]).splitlines()[-1], file=sys.stderr)
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", default="embedded")
    parser.add_argument("--voices", nargs="+", help="default: all")
    parser.add_argument(
        "--ways",
        nargs="+",
        type=Way.of,
        default=[Way.of("exact/float32"), Way.of("exact/int8"), Way.of("low-latency/int8")],
        help="windows/precision; distances are to the first",
    )
    parser.add_argument("--count", type=int, default=100, help="sentences")
    parser.add_argument("--sentences", type=Path, default=HELD_OUT, help="one a line")
    parser.add_argument("--teacher", type=Path, help="JSON {sentence: seconds}")
    parser.add_argument("--judges", type=Path, default=Path.home() / ".cache/barkstream/judges")
    parser.add_argument("--output", type=Path, default=RESULTS / "quality.json")
    parser.add_argument("--card", type=Path, help="model card whose table is written anew")
    args = parser.parse_args(arguments)
    rows = asyncio.run(run(args))
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text(
        json.dumps({"machine": machine(), "rows": [row.as_json() for row in rows]}, indent=1) + "\n"
    )
    print(table(rows))
    print(mistakes(rows))
    if args.card:
        write_card(args.card, rows, len(sentences(args.sentences, args.count)))
    print(f"figures: {args.output}", file=sys.stderr)


if __name__ == "__main__":
    main()

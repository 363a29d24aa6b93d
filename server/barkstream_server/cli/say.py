"""``barkstream say``: text to the loudspeaker, a file or a pipe."""

from __future__ import annotations

import argparse
import codecs
import os
import sys
from collections.abc import Generator, Iterator
from contextlib import closing

from bark_core.errors import TextError
from barkstream_server.cli.local_speech import speak_locally
from barkstream_server.cli.outputs import Outputs
from barkstream_server.cli.own_server import own_server
from barkstream_server.cli.remote_speech import speak_remotely
from barkstream_server.cli.speech_order import Piece, Said, SpeechOrder
from barkstream_server.logs import show_logs

NAME = "say"
HELP = "speak a text to a file, the loudspeaker or a pipe"
DEFAULT_FILE = "out.wav"
READ_BYTES = 4096
MAX_PREBUFFER_S = 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("text", nargs="?", help="what to say; left out or -: standard input")
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help=f"WAV file, - for standard output (default: {DEFAULT_FILE}, unless --play is given)",
    )
    parser.add_argument("--play", action="store_true", help="play on the loudspeaker")
    parser.add_argument(
        "--play-if-possible", action="store_true", help="play if there is a loudspeaker"
    )
    parser.add_argument(
        "--prebuffer",
        type=_seconds,
        metavar="SECONDS",
        help="audio that the loudspeaker waits for; 0 starts at once (default: as much as it takes "
        "to play without a gap at the measured speed)",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--server", metavar="HOST:PORT", help="let this server speak")
    where.add_argument(
        "--own-server",
        action="store_true",
        help="start a server for this text and speak through it",
    )
    parser.add_argument(
        "--checkpoint",
        default="embedded",
        help='"embedded" (default), "noise", a directory or a hub id such as suno/bark-small',
    )
    parser.add_argument(
        "--backend",
        default="auto",
        help="auto (default: onnx on the CPU, torch on a GPU), onnx or torch",
    )
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda or mps")
    parser.add_argument(
        "--dtype",
        default="auto",
        help="auto (default: int8 with onnx, float32 with torch on the CPU), float32 (the tokens "
        "of the reference), int8, int4, or bfloat16 (torch)",
    )
    parser.add_argument("--voice", default="", help='a name of `barkstream voices`, or "none"')
    parser.add_argument("--seed", type=int, help="same seed, same speech (default: a new one)")
    parser.add_argument(
        "--latency",
        choices=("low", "exact"),
        default="low",
        help="low: early audio (default); exact: the windows of the offline reference",
    )
    parser.add_argument("--temperature", type=float, help="semantic and coarse temperature")
    parser.add_argument("-q", "--quiet", action="store_true", help="print errors only")


def run(args: argparse.Namespace) -> int:
    """Speak and report."""
    playing = args.play or args.play_if_possible
    order = SpeechOrder(
        text=None if args.text == "-" else args.text,
        deltas=_piped_text() if args.text in (None, "-") else iter((args.text,)),
        checkpoint=args.checkpoint,
        backend=args.backend,
        device=args.device,
        dtype=args.dtype,
        voice=args.voice,
        seed=args.seed,
        latency=args.latency,
        temperature=args.temperature,
        quiet=args.quiet,
        honours_start_hint=playing and args.prebuffer is None,
    )
    file = args.output or (None if args.play else DEFAULT_FILE)
    if not args.quiet:
        show_logs()
    outputs = Outputs(
        file,
        play=args.play,
        play_if_possible=playing and not args.play,
        prebuffer_s=args.prebuffer,
    )
    try:
        if args.server:
            said = _drain(order, speak_remotely(order, args.server), outputs)
        elif args.own_server:
            with own_server(
                order.checkpoint, backend=order.backend, device=order.device, dtype=order.dtype
            ) as target:
                said = _drain(order, speak_remotely(order, target), outputs)
        else:
            said = _drain(order, speak_locally(order), outputs)
    finally:
        outputs.close()
    if not args.quiet:
        print(said.line(), file=sys.stderr)
        if file not in (None, "-"):
            print(f"Written to {file}", file=sys.stderr)
    return 0


def _drain(
    order: SpeechOrder, pieces: Generator[Piece | Said, None, None], outputs: Outputs
) -> Said:
    """Carry samples to the outputs; the last item is the report."""
    said: Said | None = None
    # Closing the generator stops the speech, whatever happens to the outputs.
    with closing(pieces), order.progress_bar() as progress:
        for piece in pieces:
            match piece:
                case Piece():
                    outputs.write(piece.pcm, piece.sample_rate_hz, piece.start_buffer_s)
                    progress.update(max(0, piece.source_end - progress.n))
                case Said():
                    said = piece
    assert said is not None
    return said


def _seconds(given: str) -> float:
    """A length of time for an option."""
    value = float(given)
    if not 0 <= value <= MAX_PREBUFFER_S:
        raise argparse.ArgumentTypeError(f"must be between 0 and {MAX_PREBUFFER_S:g} s")
    return value


def _piped_text() -> Iterator[str]:
    """Standard input, bit by bit as it comes.

    Raises:
        TextError: It is no UTF-8.
    """
    decoder = codecs.getincrementaldecoder("utf-8")(errors="strict")
    try:
        while chunk := os.read(sys.stdin.fileno(), READ_BYTES):
            if delta := decoder.decode(chunk):
                yield delta
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise TextError("the text is not UTF-8; convert it first, with iconv say") from error

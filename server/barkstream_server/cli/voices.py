"""``barkstream voices``: the voices of a checkpoint or of a server."""

from __future__ import annotations

import argparse
import asyncio

from bark_core.checkpoints import open_checkpoint
from barkstream_client import SpeechClient

NAME = "voices"
HELP = "list the voices of a checkpoint or of a server"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--server", metavar="HOST:PORT", help="ask this server")
    parser.add_argument(
        "--checkpoint",
        default="embedded",
        help='"embedded" (default), "noise", a directory or a hub id such as suno/bark-small',
    )
    parser.add_argument("--language", default="", help="only this language, such as de")


def run(args: argparse.Namespace) -> int:
    """Print one name a line; the default voice is marked with a star."""
    if args.server:
        names, default = asyncio.run(_served(args.server, args.language))
    else:
        store = open_checkpoint(args.checkpoint).voices()
        names, default = list(store.names()), store.default or ""
        if args.language:
            prefixes = (f"{args.language}_", f"v2/{args.language}_")
            names = [name for name in names if name.startswith(prefixes)]
    for name in names:
        print(f"{name} *" if name == default else name)
    return 0


async def _served(target: str, language: str) -> tuple[list[str], str]:
    async with SpeechClient.connect(target) as client:
        voices = await client.list_voices(language_code=language, timeout_s=30)
    default = next((voice.name for voice in voices if voice.is_default), "")
    return [voice.name for voice in voices], default

"""The command ``barkstream``: finds the sub-command, reports its errors in one line.

A sub-command is a module with ``NAME``, ``HELP``, ``add_arguments(parser)`` and ``run(args)``.
Only the one that is called is imported: ``barkstream serve`` does not need a loudspeaker.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Protocol, cast

from bark_core.errors import BarkstreamError
from barkstream_client.errors import SpeechError
from barkstream_server.server_service import package_version

# In the order of `barkstream --help`.
COMMANDS = {
    "serve": "serve speech over gRPC",
    "say": "speak a text to a file, the loudspeaker or a pipe",
    "voices": "list the voices of a checkpoint or of a server",
    "top": "show how busy a server is",
    "doctor": "check devices, checkpoints and versions",
}
EXIT_FAILED = 1
EXIT_INTERRUPTED = 130
# As the shell reports programs that SIGPIPE ends.
EXIT_PIPE = 141


class Command(Protocol):
    """What a module of a sub-command offers."""

    HELP: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the options."""
        ...

    def run(self, args: argparse.Namespace) -> int:
        """Do it; returns the exit code."""
        ...


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``barkstream``; returns the exit code."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    name = next((word for word in arguments if not word.startswith("-")), None)
    command = _load(name) if name in COMMANDS else None
    args = _parser(name, command).parse_args(arguments)
    assert command is not None, "argparse accepts known commands only"
    try:
        return command.run(args)
    except (BarkstreamError, SpeechError) as error:
        print(f"barkstream: {error}", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone: nobody is left to tell. What is still buffered would
        # raise again when the interpreter flushes it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_PIPE


def _parser(called: str | None, command: Command | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="barkstream", description="Real-time speech from Suno's Bark, streamed over gRPC."
    )
    parser.add_argument("--version", action="version", version=f"barkstream {package_version()}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, text in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=text, description=text.capitalize() + ".")
        if name == called and command is not None:
            command.add_arguments(subparser)
    return parser


def _load(name: str) -> Command:
    return cast("Command", importlib.import_module(f"barkstream_server.cli.{name}"))

"""``barkstream top``: how busy a server is, in the terminal."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator

from barkstream_client import ServerLoad, SpeechClient

NAME = "top"
HELP = "show how busy a server is"
DEFAULT_SERVER = "localhost:50051"
_HOME_AND_CLEAR = "\x1b[H\x1b[J"
_BAR_CHARACTERS = 30


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.description = (
        "Show how busy a server is: a screen that is drawn anew in a terminal, a line each time "
        "elsewhere. Ctrl-C ends it."
    )
    parser.add_argument(
        "--server", metavar="HOST:PORT", default=DEFAULT_SERVER, help=f"default: {DEFAULT_SERVER}"
    )
    parser.add_argument(
        "--interval", type=float, default=1.0, metavar="SECONDS", help="0.1 to 60 (default: 1)"
    )
    parser.add_argument("--count", type=int, help="end after so many (default: never)")


def run(args: argparse.Namespace) -> int:
    """Show it until told to stop."""
    asyncio.run(_watch(args.server, args.interval, args.count))
    return 0


async def _watch(server: str, interval_s: float, count: int | None) -> None:
    is_screen = sys.stdout.isatty()
    seen = 0
    before: ServerLoad | None = None
    async with SpeechClient.connect(server) as client:
        loads = client.watch_load(interval_s=interval_s)
        async for load in loads:
            if is_screen:
                lines = screen(server, load, before, interval_s)
                print(_HOME_AND_CLEAR + "\n".join(lines), flush=True)
            else:
                print(line(load), flush=True)
            before = load
            seen += 1
            if seen == count:
                break
        await loads.aclose()


def line(load: ServerLoad) -> str:
    """All of it in one line of names and values."""
    state = "serving" if load.serving else "not-serving"
    lead = "none" if load.least_lead_s is None else f"{load.least_lead_s:.2f}"
    return (
        f"{state} sessions={load.sessions} running={load.running}/{load.slots} "
        f"waiting={load.waiting} realtime_factor={load.realtime_factor:.2f} "
        f"utterances={load.utterances} audio_s={load.audio_s:.1f} underruns={load.underruns} "
        f"refusals={load.refusals} places={load.places} in_line={load.in_line} "
        f"expected_wait_s={load.expected_wait_s or 0.0:.1f} least_lead_s={lead}"
    )


def screen(
    server: str, load: ServerLoad, before: ServerLoad | None, interval_s: float
) -> Iterator[str]:
    """The lines of one screen; rates are those since the one before."""
    earlier = load if before is None else before
    factor = f"{load.realtime_factor:.2f}" if load.realtime_factor else "none yet"
    slow = "  SLOWER THAN REAL TIME" if load.realtime_factor > 1 else ""
    filled = 0 if not load.slots else round(_BAR_CHARACTERS * load.running / load.slots)
    bar = "#" * filled + "." * (_BAR_CHARACTERS - filled)

    def total(value: float, old: float, unit: str = "") -> str:
        return f"{value:,.0f}{unit}  (+{(value - old) / interval_s:,.1f}{unit}/s)"

    yield f"barkstream {server}  {'SERVING' if load.serving else 'NOT SERVING'}"
    yield ""
    yield f"sessions         {load.sessions}"
    yield f"slots            [{bar}] {load.running} of {load.slots}, {load.waiting} waiting"
    wait = "" if load.expected_wait_s is None else f", a wait of {load.expected_wait_s:.1f} s"
    yield f"places           {load.places or 'not counted'}, {load.in_line} in line{wait}"
    yield f"real-time factor {factor}{slow}"
    lead = "nobody listens" if load.least_lead_s is None else f"{load.least_lead_s:.2f} s"
    yield f"least lead       {lead}"
    yield ""
    yield f"utterances       {total(load.utterances, earlier.utterances)}"
    yield f"audio            {total(load.audio_s, earlier.audio_s, ' s')}"
    yield f"underruns        {total(load.underruns, earlier.underruns)}"
    yield f"refusals         {total(load.refusals, earlier.refusals)}"
    for reason, count in sorted(load.refusals_by_reason.items()):
        yield f"  {reason.lower()}  {total(count, earlier.refusals_by_reason.get(reason, 0))}"

"""``barkstream serve`` that tells on SIGUSR1 what it holds: tasks, threads, objects of calls.

    python -m bench.soak.inspected SNAPSHOT_FILE serve ...

Nothing runs beside the server; the signal's handler looks, writes the file and is gone.
"""

from __future__ import annotations

import asyncio
import gc
import json
import signal
import sys
import threading
from collections import Counter
from pathlib import Path

from barkstream_server.cli.main import main

# Objects of ours that live as long as a call, a context or an utterance.
CALL_OBJECTS = (
    "AudioEncoder",
    "Bridge",
    "Call",
    "Session",
    "Speaker",
    "SpeechContext",
    "UtteranceRequest",
)
PACKAGES = ("barkstream_server", "bark_core")


def snapshot() -> dict[str, dict[str, int]]:
    """What this process holds now, by name. Called while the event loop runs."""
    gc.collect()
    # grpc's own extension types may raise when their class is asked for.
    kinds = Counter(
        kind.__name__
        for kind in map(type, gc.get_objects())
        if kind.__name__ in CALL_OBJECTS and kind.__module__.startswith(PACKAGES)
    )
    tasks = Counter(_name(task) for task in asyncio.all_tasks())
    threads = Counter(thread.name for thread in threading.enumerate())
    return {"tasks": dict(tasks), "threads": dict(threads), "objects": dict(kinds)}


def _name(task: asyncio.Task[object]) -> str:
    work = task.get_coro()
    return str(getattr(work, "__qualname__", type(work).__name__))


def _answer_signals(path: Path) -> None:
    def tell(_number: int, _frame: object) -> None:
        unfinished = path.with_suffix(".part")
        unfinished.write_text(json.dumps(snapshot()))
        unfinished.replace(path)  # Whoever waits for the file never sees half of it.

    signal.signal(signal.SIGUSR1, tell)


if __name__ == "__main__":
    _answer_signals(Path(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))

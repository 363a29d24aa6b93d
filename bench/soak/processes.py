"""What the operating system says of a process. Linux only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
# How multiprocessing's spawned processes call themselves.
_SPAWNED = b"spawn_main"


@dataclass(frozen=True, slots=True)
class ProcessState:
    """One process now.

    Attributes:
        pid: Its id.
        rss_mib: Memory in use, in MiB.
        threads: All of them, those of libraries as well.
        files: What its descriptors point to, sorted; sockets and pipes by kind only.
    """

    pid: int
    rss_mib: float
    threads: int
    files: tuple[str, ...]


def process_state(pid: int) -> ProcessState:
    """Look at a process.

    Raises:
        ProcessLookupError: It is gone.
    """
    try:
        status = dict(
            line.split(":", 1) for line in (PROC / str(pid) / "status").read_text().splitlines()
        )
        files = _files(pid)
    except (FileNotFoundError, PermissionError) as error:
        raise ProcessLookupError(f"process {pid} is gone") from error
    if "VmRSS" not in status:
        raise ProcessLookupError(f"process {pid} has ended")
    rss_mib = int(status["VmRSS"].split()[0]) / 1024
    return ProcessState(pid, rss_mib, int(status["Threads"]), files)


def engine_pid(server_pid: int) -> int:
    """The engine process of a server.

    Raises:
        ProcessLookupError: There is none now.
    """
    for pid in children(server_pid):
        try:
            if _SPAWNED in (PROC / str(pid) / "cmdline").read_bytes():
                return pid
        except (FileNotFoundError, ProcessLookupError):
            continue
    raise ProcessLookupError(f"process {server_pid} has no engine")


def is_alive(pid: int) -> bool:
    """Whether there is such a process."""
    return (PROC / str(pid)).exists()


def children(pid: int) -> tuple[int, ...]:
    """Processes that a process has started and that have not been waited for."""
    found: list[int] = []
    for listing in (PROC / str(pid) / "task").glob("*/children"):
        try:
            found += map(int, listing.read_text().split())
        except (FileNotFoundError, ProcessLookupError):
            continue
    return tuple(found)


def _files(pid: int) -> tuple[str, ...]:
    found: list[str] = []
    for entry in (PROC / str(pid) / "fd").iterdir():
        try:
            found.append(str(entry.readlink()).split(":[", 1)[0])
        except FileNotFoundError:
            continue  # The descriptor with which we look, where it is our own process.
    return tuple(sorted(found))

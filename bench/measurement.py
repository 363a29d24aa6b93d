"""What one process measured of one contender. Crosses to the process that compares as JSON."""

from __future__ import annotations

import contextlib
import json
import resource
import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.recording import BatchRecord


@dataclass(frozen=True, slots=True)
class StageFigures:
    """One stage of an utterance: how often it ran, how long in all, how long once."""

    count: int
    total_ms: float
    median_ms: float


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of audio as its listener got it: when, and its place in the utterance."""

    made_s: float
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Measurement:
    """One utterance after a warm-up. Moments count from the request.

    Attributes:
        audio_s: Length of the audio.
        first_audio_s: Until the first samples.
        total_s: Until the last ones.
        peak_memory_mb: Most memory that the process ever held.
        stages: Time of each stage of the model.
        batches: Every call of the model, where that is known.
        chunks: Every piece of audio.
    """

    audio_s: float
    first_audio_s: float
    total_s: float
    peak_memory_mb: float
    stages: dict[str, StageFigures]
    batches: tuple[BatchRecord, ...] = ()
    chunks: tuple[Chunk, ...] = ()

    @property
    def realtime_factor(self) -> float:
        """Seconds of work for a second of audio."""
        return self.total_s / self.audio_s

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Measurement:
        """What ``to_json`` wrote."""
        fields = json.loads(line)
        fields["stages"] = {
            name: StageFigures(**figures) for name, figures in fields["stages"].items()
        }
        fields["batches"] = tuple(BatchRecord(**batch) for batch in fields["batches"])
        fields["chunks"] = tuple(Chunk(**chunk) for chunk in fields["chunks"])
        return cls(**fields)


def stage_figures(spans: Iterable[tuple[str, float]]) -> dict[str, StageFigures]:
    """Figures of each stage, in the order of first appearance.

    Args:
        spans: Stage and duration in seconds of every call.
    """
    durations_ms: dict[str, list[float]] = {}
    for stage, duration_s in spans:
        durations_ms.setdefault(stage, []).append(1000 * duration_s)
    return {
        stage: StageFigures(len(values), sum(values), statistics.median(values))
        for stage, values in durations_ms.items()
    }


def peak_memory_mb() -> float:
    """Most memory that this process ever held, or held since ``forget_peak_memory``.

    Not by getrusage on Linux: what it says begins with the size of the process that started this
    one, and that one wrote the model.
    """
    peak_mb = _status_mb("VmHWM")
    if peak_mb is not None:
        return peak_mb
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 * 1024)  # macOS: bytes


def current_memory_mb() -> float:
    """Memory that this process holds now; the peak where that is not told (macOS)."""
    held_mb = _status_mb("VmRSS")
    return peak_memory_mb() if held_mb is None else held_mb


def forget_peak_memory() -> None:
    """Let the peak begin anew, where the system can (Linux)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # proc(5): resets VmHWM


def _status_mb(field: str) -> float | None:
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    (line,) = (line for line in status.read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024

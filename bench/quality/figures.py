"""What the judges say of one voice made one way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

_RESAMPLES = 2000
_INTERVAL = (2.5, 97.5)  # per cent
LONGEST_TO_TEACHER = 1.6


@dataclass(frozen=True, slots=True)
class Spoken:
    """One sentence.

    Attributes:
        text: As it was asked for.
        heard: As the recogniser understood it.
        wrong: Words wrong, missing or too many.
        words: Words asked for.
        seconds: Of audio; 0 where there was none.
        teacher_s: What the teacher takes.
        opinion: DNSMOS; None: not asked.
        distortion_db: To the same sentence made the first way; None: there is no other.
    """

    text: str
    heard: str
    wrong: int
    words: int
    seconds: float
    teacher_s: float
    opinion: float | None
    distortion_db: float | None

    @property
    def ended(self) -> bool:
        """By itself, in time."""
        return 0 < self.seconds <= LONGEST_TO_TEACHER * self.teacher_s


@dataclass(frozen=True, slots=True)
class Figures:
    """A voice made one way.

    Attributes:
        voice: Its name.
        way: As in ``Way.name``.
        spoken: Sentence by sentence.
    """

    voice: str
    way: str
    spoken: Sequence[Spoken]

    @property
    def word_error_rate(self) -> float:
        """Wrong words of those asked for."""
        return sum(one.wrong for one in self.spoken) / sum(one.words for one in self.spoken)

    @property
    def interval(self) -> tuple[float, float]:
        """Of the word error rate, 95 %, by resampling sentences (bootstrap)."""
        counts = np.array([(one.wrong, one.words) for one in self.spoken])
        numbers = np.random.default_rng(0)
        picks = counts[numbers.integers(len(counts), size=(_RESAMPLES, len(counts)))].sum(1)
        low, high = np.percentile(picks[:, 0] / picks[:, 1], _INTERVAL)
        return float(low), float(high)

    @property
    def opinion(self) -> float | None:
        """Mean DNSMOS of those asked."""
        return _mean([one.opinion for one in self.spoken])

    @property
    def distortion_db(self) -> float | None:
        """Mean distance to the first way."""
        return _mean([one.distortion_db for one in self.spoken])

    @property
    def ended(self) -> float:
        """Share that ended by itself, in time."""
        return sum(one.ended for one in self.spoken) / len(self.spoken)

    @property
    def length(self) -> float:
        """Seconds of audio for a second of the teacher's."""
        return sum(s.seconds for s in self.spoken) / sum(s.teacher_s for s in self.spoken)

    def as_json(self) -> dict[str, Any]:
        """Everything."""
        return {
            "voice": self.voice,
            "way": self.way,
            "word_error_rate": self.word_error_rate,
            "interval": self.interval,
            "opinion": self.opinion,
            "distortion_db": self.distortion_db,
            "ended": self.ended,
            "length": self.length,
            "spoken": [asdict(one) for one in self.spoken],
        }


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def table(rows: Sequence[Figures]) -> str:
    """In Markdown."""
    heads = ["voice", "windows/precision", "word error rate (95 %)", "DNSMOS", "ended in time"]
    heads += ["length to teacher", "distortion"]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for row in rows:
        low, high = row.interval
        opinion = "" if row.opinion is None else f"{row.opinion:.2f}"
        distortion = "" if row.distortion_db is None else f"{row.distortion_db:.2f} dB"
        lines.append(
            f"| {row.voice} | {row.way} | {row.word_error_rate:.1%} ({low:.1%} to {high:.1%}) | "
            f"{opinion} | {row.ended:.1%} | {row.length:.2f} | {distortion} |"
        )
    return "\n".join(lines)


def mistakes(rows: Sequence[Figures]) -> str:
    """Every sentence that was not understood in full, for reading."""
    return "\n".join(
        f"{row.voice}, {row.way}: {one.text!r} was heard as {one.heard.strip()!r}"
        for row in rows
        for one in row.spoken
        if one.wrong
    )

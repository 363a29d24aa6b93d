"""How much a player should hold before it starts, so that it never runs dry. A pure function.

On a machine that needs r > 1 seconds of work for a second of audio, a player that starts at the
first chunk runs dry at the second. With L seconds of audio still to come it has to hold about
``L * (1 - 1 / r)`` first; on a machine that keeps up, what bridges the longest wait for a chunk.
Chunks are of unequal length and unequally dear, so what counts is not the mean rate but the largest
shortfall along the expected chunks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MAX_BUFFER_S = 60.0
"""No player is asked to hold more, whatever the text: nobody waits so long for so much."""

SOON = 3
"""Chunks: those of a ramp, which are shorter than what comes after them."""

_ROUNDING_S = 1e-9
"""Moments are sums of floats: without this a player could wait for a chunk too many."""

LEAD_SHARE = 0.9
"""Of the greatest lead a player may be asked to hold: the rest is on the way, or in an encoder."""


@dataclass(frozen=True, slots=True)
class StartHint:
    """What a player that is silent should wait for.

    Attributes:
        buffer_s: Audio that it should hold, delivered but not heard, before it starts; 0: nothing
            more is to come, start.
        expected_audio_s: Audio still to come, of the text known so far.
        wait_s: Time until that buffer will have been delivered, 0: it has been.
        delay_s: Who starts so much later, with what it holds by then, does not run dry either: it
            need not wait for a whole chunk.
        soon_s: Likewise, if nothing mattered but the next ``SOON`` chunks.
    """

    buffer_s: float
    expected_audio_s: float
    wait_s: float
    delay_s: float = 0.0
    soon_s: float = 0.0


@dataclass(frozen=True, slots=True)
class ExpectedChunk:
    """Audio that will come in one piece, and the time it takes after the piece before it."""

    audio_s: float
    work_s: float


@dataclass(frozen=True, slots=True)
class Tail:
    """Audio after the expected chunks, of which only the mean is known.

    Attributes:
        audio_s: Its length.
        rate: Seconds of work per second of audio.
        lag_s: How much later than by that rate one of its pieces may come.
        early_s: How much more audio than by that rate may have come.
    """

    audio_s: float = 0.0
    rate: float = 0.0
    lag_s: float = 0.0
    early_s: float = 0.0

    @classmethod
    def like(cls, chunks: Sequence[ExpectedChunk], audio_s: float) -> Tail:
        """``audio_s`` more of what makes up ``chunks``."""
        sample_s = sum(chunk.audio_s for chunk in chunks)
        if audio_s <= 0 or sample_s <= 0:
            return cls()
        rate = sum(chunk.work_s for chunk in chunks) / sample_s
        lag_s = early_s = elapsed_s = made_s = 0.0
        for chunk in chunks:
            elapsed_s += chunk.work_s
            lag_s = max(lag_s, elapsed_s - rate * made_s)
            made_s += chunk.audio_s
            if rate > 0:
                early_s = max(early_s, made_s - elapsed_s / rate)
        return cls(audio_s, rate, lag_s, early_s)


def start_hint(
    held_s: float,
    chunks: Sequence[ExpectedChunk],
    tail: Tail | None = None,
    *,
    max_lead_s: float | None = None,
) -> StartHint:
    """The least buffer with which a player never runs dry, if all comes as expected.

    A player that starts when chunk j comes runs dry if a later chunk k comes after all before it
    was heard. So j is the first chunk that comes no earlier than ``max(comes(k) - audio before k)``
    over the chunks after it. The buffer lies half a chunk below what has been delivered then, so
    that the few samples which a fade, a resampler or a packet hold back do not delay the start.

    Args:
        held_s: Audio that the player holds now and has not heard.
        chunks: What is expected, from now on.
        tail: What follows them.
        max_lead_s: Audio is sent so far ahead at most: more can never be held.
    """
    tail = tail or Tail()
    comes_s, before_s = [0.0], [held_s]  # when each chunk comes; what there was before the next
    for chunk in chunks:
        comes_s.append(comes_s[-1] + chunk.work_s)
        before_s.append(before_s[-1] + chunk.audio_s)
    # From the end: the start that the chunks after the j-th ask for.
    needed_s = -held_s
    if tail.audio_s > 0:
        behind_s = max(0.0, tail.audio_s * (tail.rate - 1.0))
        needed_s = comes_s[-1] - before_s[-1] + tail.lag_s + behind_s
    gaps_s = [at_s - lasts_s for at_s, lasts_s in zip(comes_s[1:], before_s, strict=False)]
    delay_s = max([0.0, needed_s, *gaps_s])
    soon_s = max([0.0, *gaps_s[:SOON]])
    buffer_s, wait_s = _within_tail(needed_s, comes_s[-1], before_s[-1], tail)
    for j in range(len(chunks), -1, -1):
        if comes_s[j] < needed_s - _ROUNDING_S:
            break
        wait_s = comes_s[j]
        buffer_s = held_s + needed_s if j == 0 else (before_s[j - 1] + before_s[j]) / 2
        if j:
            needed_s = max(needed_s, comes_s[j] - before_s[j - 1])
    most_s = MAX_BUFFER_S
    if max_lead_s is not None:
        most_s = min(most_s, LEAD_SHARE * max_lead_s)
    if buffer_s > most_s:
        buffer_s = most_s
        missing_s = max(0.0, most_s - before_s[-1])
        wait_s = comes_s[-1] + tail.rate * missing_s
        if not missing_s:
            wait_s = next(at for at, held in zip(comes_s, before_s, strict=True) if held >= most_s)
    return StartHint(
        buffer_s=max(buffer_s, 0.0),
        expected_audio_s=before_s[-1] - held_s + tail.audio_s,
        wait_s=wait_s,
        delay_s=delay_s,
        soon_s=soon_s,
    )


def _within_tail(
    needed_s: float, comes_s: float, before_s: float, tail: Tail
) -> tuple[float, float]:
    """The buffer and the wait if the player can only start while the tail comes."""
    if tail.rate <= 0:
        return before_s + tail.audio_s, comes_s
    wait_s = max(needed_s, comes_s)
    audio_s = min((wait_s - comes_s) / tail.rate + tail.early_s, tail.audio_s)
    return before_s + audio_s, wait_s

"""Slow, literal list-slicing versions of the windowed stages, with a hash instead of a network.

Written from a description of the algorithm, sharing no code with ``bark_core.windows``. Tokens are
pure functions of *everything that the stage reads*, so that one wrong index changes the result.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

SEMANTIC_RATE_HZ = 49.9
COARSE_RATE_HZ = 75
RATIO = COARSE_RATE_HZ / SEMANTIC_RATE_HZ * 2
SEMANTIC_PAD = 12_048
CODE_PAD = 1_024


def mixed(*values: object) -> int:
    """A number that depends on every value."""
    return hash(values) & 0x7FFF_FFFF


def hashed_code(prompt: Sequence[int], step: int) -> int:
    """Code of a coarse step, given everything before it."""
    return mixed(tuple(prompt), step) % 1_024


def hashed_codes(window: Sequence[Sequence[int]], n: int, fill: int) -> list[int]:
    """Codes of the last row of a fine window (rows 0..k) from column ``fill`` on."""
    digest = mixed(*(tuple(row) for row in window), n)
    return [mixed(digest, column) % 1_024 for column in range(fill, len(window[0]))]


@dataclass(frozen=True)
class CoarseWindowSeen:
    """What one window of the oracle read."""

    prompt: tuple[int, ...]
    steps: int


def reference_history(
    semantic: Sequence[int], coarse: Sequence[int], max_coarse_history: int = 630
) -> tuple[list[int], list[int]]:
    """History trimming of the coarse stage. ``coarse`` is flattened."""
    if not semantic or not coarse:
        return [], []
    max_semantic_history = math.floor(max_coarse_history / RATIO)
    n_semantic = min(
        max_semantic_history,
        len(semantic) - len(semantic) % 2,
        math.floor(len(coarse) / RATIO),
    )
    n_coarse = round(n_semantic * RATIO)
    kept_semantic = list(semantic)[-n_semantic:]
    kept_coarse = list(coarse)[-n_coarse:]
    return kept_semantic, kept_coarse[:-2]


def reference_coarse(
    semantic: Sequence[int],
    semantic_history: Sequence[int],
    coarse_history: Sequence[int],
    *,
    max_coarse_history: int = 630,
    lengths: Sequence[int] = (60,),
    visible: Sequence[int] | None = None,
    draw: Callable[[Sequence[int], int], int] = hashed_code,
) -> tuple[list[int], list[CoarseWindowSeen]]:
    """The coarse stage of the reference: tokens, and what every window saw.

    The low latency policy: ``lengths``, of the windows in steps (the last one repeats), and
    ``visible``, new semantic tokens that window w may see; None: all.
    """
    max_semantic_history = math.floor(max_coarse_history / RATIO)
    sem_hist, coarse_hist = reference_history(semantic_history, coarse_history, max_coarse_history)
    all_semantic = sem_hist + list(semantic)
    base = len(sem_hist)
    n_steps = round(math.floor(len(semantic) * RATIO / 2) * 2)
    made: list[int] = []
    windows: list[CoarseWindowSeen] = []
    for w in itertools.count():
        if len(made) >= n_steps:
            break
        index = base + round(len(made) / RATIO)
        start = max(0, index - max_semantic_history)
        seen = all_semantic if visible is None else all_semantic[: base + visible[w]]
        window = seen[start:][:256]
        window = window + [SEMANTIC_PAD] * (256 - len(window))
        prompt = [*window, 12_050, *(coarse_hist + made)[-max_coarse_history:]]
        steps = 0
        for _ in range(lengths[min(w, len(lengths) - 1)]):
            if len(made) >= n_steps:
                break
            offset = 10_000 if len(made) % 2 == 0 else 11_024
            token = offset + draw(prompt, len(made))
            made.append(token)
            prompt = [*prompt, token]
            steps += 1
        windows.append(CoarseWindowSeen(tuple(prompt[: len(prompt) - steps]), steps))
    return made, windows


def reference_fine(
    coarse: Sequence[Sequence[int]],
    history: Sequence[Sequence[int]],
    draw: Callable[[Sequence[Sequence[int]], int, int], Sequence[int]] = hashed_codes,
) -> tuple[list[list[int]], list[tuple[int, int]]]:
    """The fine stage of the reference. ``coarse`` [2][T], ``history`` [8][any].

    Returns codes [8][T] and (start, first filled column) of every window.
    """
    frames = len(coarse[0])
    kept = [list(row)[-512:] for row in history] if history else [[] for _ in range(8)]
    n_history = len(kept[0])
    array = [kept[k] + (list(coarse[k]) if k < 2 else [CODE_PAD] * frames) for k in range(8)]
    if len(array[0]) < 1024:
        array = [row + [CODE_PAD] * (1024 - len(row)) for row in array]
    length = len(array[0])
    loops = max(0, math.ceil((frames - (1024 - n_history)) / 512)) + 1
    seen = []
    for n in range(loops):
        start = min(n * 512, length - 1024)
        fill = min(n_history + n * 512, length - 512)
        seen.append((start, fill))
        for k in range(2, 8):
            window = [row[start : start + 1024] for row in array[: k + 1]]
            array[k][fill : start + 1024] = draw(window, n, fill - start)
    return [row[n_history : n_history + frames] for row in array], seen

"""Which piece of the text each semantic token speaks: known from the gaps between words.

A teacher's sentence has a gap or a pause between any two words, so that the words of the text and
of the tokens can be counted off against each other; inside a word letters are shared out evenly
over its phones.
"""

import re
from itertools import pairwise

import numpy as np

from training.layout.semantic import IGNORED
from training.tokens.semantic import FIRST_PHONE, FIRST_POINTER, sounds_of

_WORD = re.compile(r"\w(?:\S*\w)?")
_DIGIT = re.compile(r"\d")


def spoken_pieces(
    text: str, offsets: list[tuple[int, int]], semantic: np.ndarray, limit: int
) -> np.ndarray:
    """The piece that every token, and the end after them, belongs to.

    Args:
        text: of the sentence.
        offsets: where in the text each of its pieces starts and ends.
        semantic: [N] ids.
        limit: pieces that the model sees.

    Returns:
        [N + 1] piece indices: a gap belongs to the word that follows it, what comes after the last
        word to the last piece. `layout.semantic.IGNORED` everywhere if the words of the text are
        not those of the speech, as where several numbers are spoken in several words each.
    """
    result = np.full(len(semantic) + 1, IGNORED, np.int64)
    words = [match.span() for match in _WORD.finditer(text)]
    sounds = sounds_of(semantic)
    spoken = _words(sounds)
    numbers = [index for index, (start, end) in enumerate(words) if _DIGIT.search(text, start, end)]
    more = len(spoken) - len(words)
    if len(numbers) == 1 and more > 0:  # it is spoken in as many words as there are more
        place = numbers[0]
        words[place : place + 1] = _split(*words[place], 1 + more)
    if len(words) != len(spoken) or not offsets:
        return result
    owner = np.zeros(len(text) + 1, np.int64)
    for piece, (start, end) in enumerate(offsets):
        owner[start:end] = piece
    before = 0
    for (start, end), (first, last) in zip(words, spoken, strict=True):
        runs = np.cumsum(np.concatenate([[0], np.diff(sounds[first:last]) != 0]))
        letters = start + ((runs + 0.5) / (runs[-1] + 1) * (end - start)).astype(np.int64)
        result[first:last] = owner[letters]
        result[before:first] = owner[start]
        before = last
    result[before:] = len(offsets) - 1
    result[result >= limit] = IGNORED
    return result


def last_pointers(pointed: np.ndarray, first: int) -> np.ndarray:
    """Where in the sequence the latest pointer stands, for every token that is predicted.

    Args:
        pointed: [N] semantic ids with pointers.
        first: place in the sequence of the first of them; the infer token stands before it.

    Returns:
        [N + 1]; the infer token where there is none yet. `IGNORED` everywhere if there is none.
    """
    places = np.where(pointed >= FIRST_POINTER, first + np.arange(len(pointed)), first - 1)
    if not (pointed >= FIRST_POINTER).any():
        return np.full(len(pointed) + 1, IGNORED, np.int64)
    return np.maximum.accumulate(np.concatenate([[first - 1], places]))


def next_pointers(pointed: np.ndarray, last: int) -> np.ndarray:
    """The piece that the next pointer names, for every token that is predicted.

    Args:
        pointed: [N] semantic ids with pointers.
        last: the last piece, which follows the last word.

    Returns:
        [N + 1]. `IGNORED` everywhere if there are no pointers.
    """
    result = np.full(len(pointed) + 1, last, np.int64)
    places = np.flatnonzero(pointed >= FIRST_POINTER)
    if len(places) == 0:
        result[:] = IGNORED
    before = 0
    for place in places:
        result[before : place + 1] = pointed[place] - FIRST_POINTER
        before = place + 1
    return result


def _split(start: int, end: int, count: int) -> list[tuple[int, int]]:
    """`count` parts of a span of letters, each of a letter at least."""
    cuts = [start + (end - start) * index // count for index in range(count + 1)]
    return [(a, max(a + 1, b)) for a, b in pairwise(cuts)]


def _words(sounds: np.ndarray) -> list[tuple[int, int]]:
    """Stretches [first, last) of phones between gaps, pauses and silence."""
    loud = np.concatenate([[0], sounds >= FIRST_PHONE, [0]]).astype(np.int8)
    edges = np.flatnonzero(np.diff(loud))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))

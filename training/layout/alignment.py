"""Which piece of the text each semantic token speaks: known from the gaps between words.

A teacher's sentence has a gap or a pause between any two words, so that the words of the text and
of the tokens can be counted off against each other; inside a word its pieces, which are sounds, are
shared out evenly over its phones.
"""

import numpy as np

from training.layout.semantic import IGNORED
from training.tokens.semantic import FIRST_PHONE, FIRST_POINTER, sounds_of
from training.tokens.text import MARKS, WORD_START


def spoken_pieces(pieces: list[str], semantic: np.ndarray, limit: int) -> np.ndarray:
    """The piece that every token, and the end after them, belongs to.

    Args:
        pieces: of the text, as the tokenizer has them.
        semantic: [N] ids.
        limit: pieces that the model sees.

    Returns:
        [N + 1] piece indices: a gap belongs to the word that follows it, what comes after the last
        word to the last piece. `layout.semantic.IGNORED` everywhere if the words of the text are
        not those of the speech.
    """
    result = np.full(len(semantic) + 1, IGNORED, np.int64)
    written = _written(pieces)
    sounds = sounds_of(semantic)
    spoken = _words(sounds)
    if len(written) != len(spoken) or not written:
        return result
    before = 0
    for word, (first, last) in zip(written, spoken, strict=True):
        runs = np.cumsum(np.concatenate([[0], np.diff(sounds[first:last]) != 0]))
        result[first:last] = np.array(word)[((runs + 0.5) / (runs[-1] + 1) * len(word)).astype(int)]
        result[before:first] = word[0]
        before = last
    result[before:] = len(pieces) - 1
    result[result >= limit] = IGNORED
    return result


def _written(pieces: list[str]) -> list[list[int]]:
    """Places of the pieces of every word, marks left out."""
    words: list[list[int]] = []
    for place, piece in enumerate(pieces):
        if piece.removeprefix(WORD_START) in MARKS:
            continue
        if piece.startswith(WORD_START) or not words:
            words.append([])
        words[-1].append(place)
    return words


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


def _words(sounds: np.ndarray) -> list[tuple[int, int]]:
    """Stretches [first, last) of phones between gaps, pauses and silence."""
    loud = np.concatenate([[0], sounds >= FIRST_PHONE, [0]]).astype(np.int8)
    edges = np.flatnonzero(np.diff(loud))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))

"""Reading without a voice: a token a phone, for learning how words are said.

Spoken sentences are mostly tokens that hold a phone, and there are too few of them to meet most
words more than once or twice. So text-to-semantic training also reads: many sentences, one after
another, each phone said once. A history of `READING` alone, which no voice has, asks for it. The
same attention and the same pointers find the way through the text.
"""

from dataclasses import dataclass

import numpy as np

from training.layout.alignment import spoken_pieces
from training.layout.semantic import IGNORED
from training.tokens.semantic import (
    CLASSES,
    FIRST_PHONE,
    GAP,
    PITCH_BINS,
    SILENCE,
    point,
    segments,
)
from training.tokens.text import Reader

READING = SILENCE * PITCH_BINS + PITCH_BINS - 1
_VOICELESS = frozenset("fhkpstθʃʧʔ")


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """Some sentences to be read in one go.

    Attributes:
        text: [L] tokenizer ids.
        semantic: [N] ids with pointers.
        pieces: [N + 1] the piece of the text that every token, and the end, belongs to.
    """

    text: np.ndarray
    semantic: np.ndarray
    pieces: np.ndarray


def read_out(phones: str, pitch_bin: int) -> np.ndarray:
    """[N] ids of a sentence: a gap, then every phone, gap and pause once, all at one pitch."""
    classes, _ = segments(phones, np.ones(len(phones) + 2, np.int64))
    classes = np.concatenate([[GAP], classes[1:-1]])
    voiced = [c >= FIRST_PHONE and CLASSES[c] not in _VOICELESS for c in classes]
    return classes * PITCH_BINS + np.where(voiced, pitch_bin, 0)


def lesson(sentences: list[tuple[str, str]], reader: Reader, limit: int, pitch_bin: int) -> Lesson:
    """As many of the sentences as fit, the first in any case.

    Args:
        sentences: texts with their phones.
        reader: of the voice.
        limit: pieces of text.
        pitch_bin: 1 to the highest, for all that has a voice.
    """
    texts: list[int] = []
    tokens, pieces = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for text, phones in sentences:
        encoded = reader.encode(text)
        if texts and len(texts) + len(encoded.ids) > limit:
            break
        ids = read_out(phones, pitch_bin)
        places = spoken_pieces(encoded.tokens, ids, limit)[:-1]
        places = np.where(places == IGNORED, IGNORED, places + len(texts))
        places[places >= limit] = IGNORED
        tokens.append(point(ids, places))
        pieces.append(places)
        texts += encoded.ids
    end = len(texts) - 1 if len(texts) <= limit else IGNORED
    return Lesson(np.array(texts[:limit]), np.concatenate(tokens), np.concatenate([*pieces, [end]]))

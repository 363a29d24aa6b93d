"""Semantic tokens: which phone sounds and how high, 37.5 times a second.

They come from the teacher's own alignment, so they are exact and cost nothing:
`id = phone class x PITCH_BINS + pitch bin`, bin 0 where there is no voice. Pitch is absolute, in
steps of two semitones, so that a run of tokens also tells whose voice it is; timbre is left to the
coarse stage. Stress is left out: it is heard in length and pitch.

The last token before a word is a *pointer* instead: the piece of the text at which the word starts.
A small network that has to find out by itself how far it has come in the text leaves words out and
says others twice; one that writes down where it goes next need not.
"""

import numpy as np

from training.corpus import Utterance
from training.teacher.source import FRAME, LEVELS, UNVOICED

_VOWELS = "AIOWYiuɑɐɔəɛɜæɪʊʌᵊᵻɒaoe"
_CONSONANTS = "bdfhjklmnpstvwzðŋɡɹʃʒʤʧθɾTʔ"
_PAUSES = {",": ",", ";": ",", ":": ",", "—": ",", "…": ",", ".": ".", "!": "!", "?": "?"}
SILENCE, GAP = 0, 1

CLASSES: tuple[str, ...] = ("_", " ", ",", ".", "!", "?", *_VOWELS, *_CONSONANTS)
_CLASS_OF = {name: index for index, name in enumerate(CLASSES)}
FIRST_PHONE = 6

_LEVELS_PER_BIN = 6
_SLACK = 1.5  # levels beyond a bin's edge that a held bin survives
PITCH_BINS = 1 + -(-LEVELS // _LEVELS_PER_BIN)
FIRST_POINTER = len(CLASSES) * PITCH_BINS
POINTERS = 128  # pieces of text that can be pointed at
VOCABULARY = FIRST_POINTER + POINTERS

TEACHER_FRAME = 600  # samples: 40 Hz
TOKEN_SAMPLES = 2 * FRAME

# The teacher's durations come late by this much: its aligner learned to place phones so. Spectra
# vary least within a phone when the phones are moved this far forward (29.3, where 36.9 unmoved;
# 30.6 and 30.1 a codec frame less and more). Its pitch needs no such move.
LATE_SAMPLES = 4 * FRAME

_LEAD_TOKENS = 2  # silence kept before the first sound: 53 ms
_TAIL_TOKENS = 5  # and after the last: 133 ms
_LAST_TOKENS = 5  # of the last phone, of which the teacher's aligner makes 370 ms, mostly silence


def segments(phones: str, durations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Classes and their lengths, stress and length marks merged into their neighbours.

    Args:
        phones: the teacher's phones.
        durations: [len(phones) + 2] 40 Hz frames, the boundaries first and last.

    Returns:
        [S] class indices and [S] lengths in 40 Hz frames, their sum unchanged.
    """
    classes, lengths = [SILENCE], [int(durations[0])]
    carried = 0
    for phone, length in zip(phones, durations[1:-1].tolist(), strict=True):
        if phone in "ˈˌ":
            carried += length
            continue
        name = _PAUSES.get(phone, phone)
        if name in _CLASS_OF:
            classes.append(_CLASS_OF[name])
            lengths.append(length + carried)
        else:  # a length mark, a quotation mark: part of what stands before
            lengths[-1] += length + carried
        carried = 0
    classes.append(SILENCE)
    lengths.append(int(durations[-1]) + carried)
    return np.array(classes), np.array(lengths)


def frame_classes(phones: str, durations: np.ndarray) -> np.ndarray:
    """[T] class of every semantic token of an utterance; no phone or gap is ever skipped."""
    classes, lengths = segments(phones, durations)
    ends = np.cumsum(lengths) * TEACHER_FRAME
    count = int(ends[-1] // TOKEN_SAMPLES)
    ends = ends - LATE_SAMPLES
    centres = (np.arange(count) + 0.5) * TOKEN_SAMPLES
    owner = np.minimum(np.searchsorted(ends, centres, side="right"), len(classes) - 1)
    needed = (classes >= FIRST_PHONE) | (classes == GAP)
    for index in np.flatnonzero((lengths > 0) & needed):
        if not (owner == index).any():  # one teacher frame between two centres
            start = ends[index] - lengths[index] * TEACHER_FRAME
            place = max(0, min(int((start + ends[index]) / 2 // TOKEN_SAMPLES), count - 1))
            if (owner == owner[place]).sum() > 1:
                owner[place] = index
    return classes[owner]


def pitch_bins(levels: np.ndarray, count: int) -> np.ndarray:
    """[count] bins of the pitch levels [F] of two frames each: 0 unvoiced, then two semitones."""
    padded = np.full(2 * count, UNVOICED, np.float64)
    padded[: min(len(levels), 2 * count)] = levels[: 2 * count]
    pairs = padded.reshape(-1, 2)
    voiced = pairs != UNVOICED
    number = voiced.sum(1)
    mean = np.where(voiced, pairs, 0.0).sum(1) / np.maximum(number, 1)
    bins = np.zeros(count, np.int64)
    held = 0
    for index in range(count):
        if number[index] == 0:
            held = 0
        else:
            low = (held - 1) * _LEVELS_PER_BIN
            inside = low - _SLACK <= mean[index] < low + _LEVELS_PER_BIN + _SLACK
            if held == 0 or not inside:
                held = 1 + int(mean[index] // _LEVELS_PER_BIN)
        bins[index] = held
    return bins


def encode(utterance: Utterance) -> tuple[np.ndarray, int]:
    """Semantic tokens of an utterance without its outer silence.

    Returns:
        [N] int16 ids; the first token's place on the untrimmed grid of `TOKEN_SAMPLES` samples,
        so that token n goes with codec frames 2 (place + n) and 2 (place + n) + 1.
    """
    classes = frame_classes(utterance.phones, utterance.durations)
    bins = pitch_bins(utterance.levels, len(classes))
    sounding = np.flatnonzero(classes >= FIRST_PHONE)
    if len(sounding) == 0:
        return np.zeros(0, np.int16), 0
    first = max(0, int(sounding[0]) - _LEAD_TOKENS)
    last = min(len(classes), int(sounding[-1]) + 1 + _TAIL_TOKENS)
    ids = classes * PITCH_BINS + bins
    return without_drag(ids[first:last].astype(np.int16)), first


def without_drag(ids: np.ndarray) -> np.ndarray:
    """[N] ids with a last phone that lasts no longer than others do. -> [M], M at most N.

    Tokens of its silence are those of an unvoiced phone that goes on and on. A network that has met
    them takes any unvoiced phone of a last word for the last one, once in ten sentences: it says
    "stash" for "station", and is silent.
    """
    sounding = np.flatnonzero(sounds_of(ids) >= FIRST_PHONE)
    if len(sounding) == 0:
        return ids
    last = int(sounding[-1])
    others = np.flatnonzero(ids[:last] != ids[last])
    start = int(others[-1]) + 1 if len(others) else 0
    return np.concatenate([ids[: min(last + 1, start + _LAST_TOKENS)], ids[last + 1 :]])


def sounds_of(ids: np.ndarray) -> np.ndarray:
    """[N] phone classes of semantic ids [N]; a pointer stands in a gap."""
    ids = np.asarray(ids)
    return np.where(ids >= FIRST_POINTER, GAP, ids // PITCH_BINS)


def point(ids: np.ndarray, pieces: np.ndarray) -> np.ndarray:
    """Semantic ids with pointers.

    Args:
        ids: [N].
        pieces: [N] piece of the text at which the word that comes next or is spoken starts, where
            a token stands before a word; negative: not known, the token stays.

    Returns:
        [N].
    """
    loud = sounds_of(ids) >= FIRST_PHONE
    before = np.flatnonzero(loud[1:] & ~loud[:-1])
    before = before[(pieces[before] >= 0) & (pieces[before] < POINTERS)]
    result = np.array(ids, np.int64)
    result[before] = FIRST_POINTER + pieces[before]
    return result


def phone_string(ids: np.ndarray) -> str:
    """Phones of semantic ids, runs merged and pauses left out: what a phone error rate compares."""
    classes = sounds_of(ids)
    kept = classes[np.concatenate([[True], classes[1:] != classes[:-1]])] if len(classes) else []
    return "".join(CLASSES[c] for c in kept if c >= FIRST_PHONE)

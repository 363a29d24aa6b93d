"""Readers of the text sources: each yields plain sentences, one licence each (training/README.md).

All are optional but WordNet: what is not there is left out, and the step says so.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

_QUESTION_WORDS = frozenset(
    "what how who where when why is are can could do does did will would should am may "
    "which".split()
)
_ALLOWED = re.compile(r"[A-Za-z0-9 ,.!?'\-:$%]+")
LONGEST_CHARACTERS = 190
LONGEST_WORDS = 32


def clean(text: str, end: str = ".") -> str | None:
    """One sentence in plain ASCII with end punctuation, or None if it cannot be one."""
    text = text.replace("``", "").replace("''", "").replace('"', "")
    text = re.sub(r"[;()\[\]]| - | -- |--", ", ", text)
    text = re.sub(r"\s*,(\s*,)*\s*", ", ", re.sub(r"\s+", " ", text)).strip(" ,:-")
    if not text or not _ALLOWED.fullmatch(text) or not any(c.isalpha() for c in text):
        return None
    if text[-1] not in ".!?":
        text = text.rstrip(",:") + end
    if len(text) > LONGEST_CHARACTERS or len(text.split()) > LONGEST_WORDS:
        return None
    return text[0].upper() + text[1:]


def key(text: str) -> str:
    """What makes two sentences the same: their letters and digits, in lower case."""
    return re.sub(r"[^a-z0-9]+", " ", text.lower()).strip()


def wordnet(folder: Path = Path("/usr/share/wordnet")) -> Iterator[str]:
    """Usage examples of WordNet 3.0 (Debian package wordnet-base; WordNet licence)."""
    files = sorted(folder.glob("data.*"))
    if not files:
        raise FileNotFoundError(f"no WordNet in {folder}: apt-get install wordnet-base")
    for file in files:
        for line in file.read_text("utf-8", errors="ignore").splitlines():
            for example in re.findall(r'"([A-Za-z][^"]{5,})"', line.split("|", 1)[-1]):
                sentence = clean(example.split("--")[0])
                if sentence:
                    yield sentence


def lj_speech(folder: Path) -> Iterator[str]:
    """Transcripts of LJ Speech (public domain), cut at punctuation into readable lengths."""
    for file in sorted(folder.glob("ljs_audio_text_*_filelist.txt")):
        for line in file.read_text("utf-8").splitlines():
            yield from _clauses(line.split("|")[-1])


def _clauses(text: str, longest: int = 150) -> Iterator[str]:
    current = ""
    for part in re.split(r"(?<=[,;:.!?])\s+", text):
        if current and len(current) + len(part) + 1 > longest:
            sentence = clean(current)
            if sentence:
                yield sentence
            current = part
        else:
            current = f"{current} {part}".strip()
    sentence = clean(current)
    if sentence:
        yield sentence


def clinc(file: Path) -> Iterator[str]:
    """Queries of CLINC oos-eval `data_full.json` (CC BY 3.0), with capitals and marks put in."""
    for rows in json.loads(file.read_text("utf-8")).values():
        for text, _ in rows:
            spoken = re.sub(r"\bi\b", "I", text)
            first = spoken.split()[0].lower()
            sentence = clean(spoken, "?" if first in _QUESTION_WORDS else ".")
            if sentence:
                yield sentence

"""Step 2c: the teacher's phones of all texts, without its voice; resumes where it stopped.

    python -m training.transcribe --root DIR

Phones take no network and come ten times faster than lengths and pitch, so every text can have
them: what it takes to learn how words are said (`training.layout.reading`).
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

from training.teacher.phones import Phones

FILE = "phones.tsv"


def read(root: Path) -> Iterator[tuple[str, str]]:
    """Sentences and their phones, as far as they have been transcribed."""
    path = root / FILE
    if path.exists():
        for line in path.read_text("utf-8").splitlines():
            text, tab, phones = line.partition("\t")
            if tab and phones:
                yield text, phones


def main(arguments: list[str] | None = None) -> None:
    """Command line of this step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True)
    options = parser.parse_args(arguments)
    path, phones_of = options.root / FILE, Phones()
    texts = (options.root / "texts.txt").read_text("utf-8").splitlines()
    written = path.read_bytes() if path.exists() else b""
    whole = written[: written.rfind(b"\n") + 1]  # a kill may have cut the last line
    if whole != written:
        path.write_bytes(whole)
    done = whole.count(b"\n")
    with path.open("a", encoding="utf-8", buffering=1) as file:
        for text in texts[done:]:
            file.write(f"{text}\t{phones_of(text)}\n")
    print(f"{len(texts)} sentences")


if __name__ == "__main__":
    main()

"""Step 1: write `texts.txt`, every sentence the teacher will say, in the order it will say them.

    python -m training.make_texts --root DIR [--lj-speech FOLDER] [--clinc FILE]

Held-out sentences are removed, as is every sentence that has one of them inside.
"""

import argparse
import random
from collections.abc import Iterable
from importlib import resources
from pathlib import Path

from training.texts import sources, templates

_TEMPLATE_SENTENCES = 24_000
_SEED = 20


def held_out() -> list[str]:
    """The sentences no step of training may see."""
    text = (resources.files("training.texts") / "held_out.txt").read_text("utf-8")
    return [line for line in text.splitlines() if line]


def gather(candidates: Iterable[str], forbidden: Iterable[str], seed: int) -> list[str]:
    """Distinct sentences in a random order, none with a forbidden one inside."""
    keys = [f" {sources.key(text)} " for text in forbidden]
    seen: dict[str, str] = {}
    for text in candidates:
        seen.setdefault(sources.key(text), text)
    banned = {k.strip() for k in keys}
    kept = [
        text
        for key, text in seen.items()
        if key not in banned and not (len(key) > 30 and any(k in f" {key} " for k in keys))
    ]
    random.Random(seed).shuffle(kept)
    return kept


def main(arguments: list[str] | None = None) -> None:
    """Command line of this step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--lj-speech", type=Path, help="folder of the transcript file lists")
    parser.add_argument("--clinc", type=Path, help="data_full.json of CLINC oos-eval")
    options = parser.parse_args(arguments)
    target = options.root / "texts.txt"
    if target.exists():
        print(f"{target} is there; delete it to make it anew")
        return
    found: list[str] = []
    parts = {
        "wordnet": sources.wordnet(),
        "templates": iter(filter(None, map(sources.clean, _templates()))),
        "lj-speech": sources.lj_speech(options.lj_speech) if options.lj_speech else iter(()),
        "clinc": sources.clinc(options.clinc) if options.clinc else iter(()),
    }
    for name, part in parts.items():
        before = len(found)
        found.extend(part)
        print(f"{name}: {len(found) - before} sentences")
    kept = gather(found, held_out(), _SEED)
    words = sum(len(text.split()) for text in kept)
    options.root.mkdir(parents=True, exist_ok=True)
    target.write_text("\n".join(kept) + "\n", "utf-8")
    print(f"{len(kept)} sentences, {words / len(kept):.1f} words each, in {target}")


def _templates() -> list[str]:
    return templates.sentences(_TEMPLATE_SENTENCES, _SEED)


if __name__ == "__main__":
    main()

"""Steps 7b and 8b: what the coarse and the fine stage make of what the teacher spoke.

    python -m training.said --root DIR --stage coarse|fine [--minutes 30]

The stages after them learn from this to make up for their mistakes, as vocoders do that are trained
on spectra that were predicted (Kong et al. 2020, "HiFi-GAN", 4.4). The pitch levels stay those that
were spoken, so that codes and audio keep in step.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from training import corpus, speak, tokenised
from training.codec.codebooks import CORRECTIONS, LEVELS
from training.tokenised import RETOLD

_TOGETHER = 24  # sentences side by side


def at_pitch(said: np.ndarray, spoken: np.ndarray) -> np.ndarray:
    """Codes of book 1 with other pitch levels.

    Args:
        said: [T] codes whose corrections are kept.
        spoken: [T] codes whose levels are wanted.

    Returns:
        [T]; where only one of both has a voice, what was spoken.
    """
    voices = LEVELS * CORRECTIONS
    both = (said < voices) & (spoken < voices)
    neither = (said >= voices) & (spoken >= voices)
    moved = spoken - spoken % CORRECTIONS + said % CORRECTIONS
    return np.where(both, moved, np.where(neither, said, spoken))


def say_coarse(
    speaker: speak.Speaker, rows: list[tokenised.Tokenised], prompts: list[tokenised.Tokenised]
) -> list[tokenised.Tokenised]:
    """Rows with the first two books as the coarse stage says them, the others zero.

    Args:
        speaker: with a coarse stage.
        rows: what was spoken.
        prompts: of each voice.
    """
    result = []
    for voice, prompt in enumerate(prompts):
        own = sorted((r for r in rows if r.voice == voice), key=lambda row: len(row.semantic))
        for start in range(0, len(own), _TOGETHER):
            some = own[start : start + _TOGETHER]
            sentences = [row.semantic for row in some]
            made = speak.coarse_of_all(
                speaker, sentences, prompt, speaker.recipe.coarse_temperature
            )
            for row, codes in zip(some, made, strict=True):
                said = np.zeros_like(row.codes)
                said[0], said[1] = codes[0], at_pitch(codes[1], row.codes[1])
                result.append(replace(row, codes=said))
    return result


def say_fine(
    speaker: speak.Speaker, rows: list[tokenised.Tokenised], prompts: list[tokenised.Tokenised]
) -> list[tokenised.Tokenised]:
    """Rows whose later books are what the fine stage adds to their first two."""
    result = []
    for row in rows:
        coarse = row.codes[:2].astype(np.int64)
        codes = speak.fine_of(speaker, coarse, prompts[row.voice], speaker.recipe.fine_temperature)
        result.append(replace(row, codes=codes.astype(np.int16)))
    return result


def main(arguments: list[str] | None = None) -> None:
    """Command line of this step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=1e9)
    parser.add_argument("--stage", choices=tuple(RETOLD), required=True)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    started = time.monotonic()
    speaker = speak.open_speaker(options.root)
    prompts = [tokenised.prompt_of(options.root, voice) for voice in range(len(corpus.VOICES))]
    tokens = options.root / "tokens"
    source, say = ("audio", say_coarse)
    if options.stage == "fine":
        source, say = (RETOLD["coarse"], say_fine)
    for shard in corpus.shards(tokens / source):
        if time.monotonic() - started > options.minutes * 60:
            break
        target = tokens / RETOLD[options.stage] / shard.name
        if not target.exists():
            tokenised.write(target, say(speaker, tokenised.read(shard), prompts))
            print(target, round(time.monotonic() - started), "s", flush=True)


if __name__ == "__main__":
    main()

"""Judges at work: sentence by sentence."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from bench.judges.distance import mel_cepstral_distortion
from bench.judges.words import word_errors
from bench.quality.figures import Spoken
from bench.quality.sentences import Teacher

FloatArray = NDArray[np.float32]
Speak = Callable[[str, str, int], Awaitable[FloatArray | None]]
"""Text, voice, seed -> samples at 24 kHz; None: the speech failed or had no sound."""

_RATE_HZ = 24_000
_OPINION_EVERY = 3  # sentences: it is slow


class Court:
    """All judges together.

    Args:
        recogniser: Audio -> words heard.
        opinion: Audio -> 1 to 5.
        teacher: For lengths.
    """

    def __init__(
        self,
        recogniser: Callable[[FloatArray], str],
        opinion: Callable[[FloatArray], float],
        teacher: Teacher,
    ) -> None:
        self._recogniser = recogniser
        self._opinion = opinion
        self._teacher = teacher

    def judge(
        self, text: str, audio: FloatArray | None, first: FloatArray | None, *, ask_opinion: bool
    ) -> Spoken:
        """One sentence; ``first``: the same, made the first way."""
        heard = "" if audio is None else self._recogniser(audio)
        wrong, words = word_errors(text, heard)
        return Spoken(
            text=text,
            heard=heard,
            wrong=wrong,
            words=words,
            seconds=0.0 if audio is None else len(audio) / _RATE_HZ,
            teacher_s=self._teacher.seconds(text),
            opinion=self._opinion(audio) if ask_opinion and audio is not None else None,
            distortion_db=(
                None if audio is None or first is None else mel_cepstral_distortion(first, audio)
            ),
        )


async def hear_all(
    speak: Speak, voice: str, texts: Sequence[str], court: Court, firsts: dict[str, FloatArray]
) -> list[Spoken]:
    """Every text in one voice; ``firsts``, if empty, is filled with what is made."""
    is_first = not firsts
    spoken = []
    for number, text in enumerate(texts):
        audio = await speak(text, voice, number)
        first = None if is_first else firsts.get(text)
        ask = number % _OPINION_EVERY == 0
        spoken.append(court.judge(text, audio, first, ask_opinion=ask))
        if is_first and audio is not None:
            firsts[text] = audio
    return spoken

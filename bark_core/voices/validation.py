"""What a history prompt must be, before any stage reads it.

The rules are those of suno-ai/bark ``bark/generation.py`` (the assertions at the head of
``generate_text_semantic``, ``generate_coarse`` and ``generate_fine``), as typed errors.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bark_core.config import BarkConfig
from bark_core.errors import VoiceDataError
from bark_core.voices.voice import IntArray, Voice

MAX_SEMANTIC_TOKENS = 16_384  # five minutes: far beyond what any stage reads
MAX_FRAMES = 16_384  # three and a half minutes


def validate(voice: Voice, config: BarkConfig) -> None:
    """Check a voice against a model.

    Raises:
        VoiceDataError: A shape, a range or the ratio of the lengths is wrong; says which.
    """
    _check_codes(
        "semantic_prompt",
        voice.semantic,
        shape=(None,),
        limit=config.semantic.vocab_size,
        max_length=MAX_SEMANTIC_TOKENS,
    )
    _check_codes(
        "coarse_prompt",
        voice.coarse,
        shape=(config.coarse.n_codebooks, None),
        limit=config.coarse.codebook_size,
        max_length=MAX_FRAMES,
    )
    _check_codes(
        "fine_prompt",
        voice.fine,
        shape=(config.fine.n_codebooks, None),
        limit=config.fine.codebook_size,
        max_length=MAX_FRAMES,
    )
    frames = voice.coarse.shape[1]
    tokens = voice.semantic.shape[0]
    expected = config.coarse_per_semantic / config.coarse.n_codebooks
    if round(frames / tokens, 1) != round(expected, 1):
        raise VoiceDataError(
            f"coarse_prompt has {frames} frames for {tokens} semantic tokens; the model needs "
            f"{expected:.2f} frames a token: save all three arrays from one longer generation",
            field="voice",
        )


def _check_codes(
    name: str, codes: IntArray, *, shape: tuple[int | None, ...], limit: int, max_length: int
) -> None:
    """Check one array: rank and rows, length 1..max_length, values 0..limit-1."""
    wanted = "[" + ", ".join("length" if size is None else str(size) for size in shape) + "]"
    ranks_match = codes.ndim == len(shape)
    if not ranks_match or any(
        size is not None and size != actual for size, actual in zip(shape, codes.shape, strict=True)
    ):
        raise VoiceDataError(
            f"{name} has the shape {list(codes.shape)} but must have {wanted}", field="voice"
        )
    length = codes.shape[-1]
    if not 1 <= length <= max_length:
        raise VoiceDataError(
            f"{name} has the length {length} but must have 1 to {max_length}", field="voice"
        )
    low, high = int(codes.min()), int(codes.max())
    if low < 0 or high >= limit:
        raise VoiceDataError(
            f"{name} holds values from {low} to {high} but this model knows 0 to {limit - 1}: "
            "the prompt is damaged or made for another model",
            field="voice",
        )


def as_codes(name: str, array: NDArray[np.generic]) -> IntArray:
    """Copy of any integer array as immutable int64 (published prompts are int32, int64, uint16).

    Raises:
        VoiceDataError: Not integers, or too large for int64.
    """
    if array.dtype.kind not in "iu":
        raise VoiceDataError(f"{name} must hold integers, not {array.dtype}", field="voice")
    if array.dtype.kind == "u" and array.size and int(array.max()) > np.iinfo(np.int64).max:
        raise VoiceDataError(f"{name} holds values beyond any code book", field="voice")
    codes = np.array(array, dtype=np.int64, order="C")
    codes.setflags(write=False)
    return codes

"""Suno's functions over this engine: a drop-in for ``from bark import generate_audio, ...``.

Same names and arguments as suno-ai/bark ``bark/api.py`` and ``preload_models`` of
``bark/generation.py``; what is added can only be given by keyword. The algorithm is the offline one
(``ExactWindows``), token for token, apart from the random numbers: these are keyed by a seed, which
every call logs and takes.

The model is the one of ``preload_models``, else that named by the environment variable
``BARKSTREAM_CHECKPOINT``, else the voice that ships with the package. It is loaded at the first
call and stays in memory until ``unload_models``.
"""

# ruff: noqa: FBT001, FBT002, PLR0917 (the signatures are Suno's)

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from bark_core.checkpoints.suno_directory import TransformerStage
from bark_core.drop_in.calls import SAMPLE_RATE, encode, new_request, run_request
from bark_core.drop_in.history import (
    FullGeneration,
    HistoryPrompt,
    as_voice,
    full_generation,
    voice_of,
)
from bark_core.drop_in.model_cache import ModelCache, ModelChoice
from bark_core.voices import as_codes, save_npz

__all__ = [
    "SAMPLE_RATE",
    "generate_audio",
    "preload_models",
    "save_as_prompt",
    "semantic_to_waveform",
    "text_to_semantic",
    "unload_models",
]

Audio = NDArray[np.float32]

_log = logging.getLogger(__name__)
_models = ModelCache()


def preload_models(
    text_use_gpu: bool = True,
    text_use_small: bool = False,
    coarse_use_gpu: bool = True,
    coarse_use_small: bool = False,
    fine_use_gpu: bool = True,
    fine_use_small: bool = False,
    codec_use_gpu: bool = True,
    force_reload: bool = False,
    *,
    checkpoint: str | None = None,
    device: str | None = None,
    dtype: str = "auto",
) -> None:
    """Load the model now, and say which.

    Args:
        text_use_gpu: All four False: the CPU. The model runs on one device as a whole, so a mixture
            counts as True (and is warned of).
        text_use_small: Small semantic model. All three True without a named checkpoint:
            ``suno/bark-small``. In a directory with Suno's files any mixture.
        coarse_use_gpu: See ``text_use_gpu``.
        coarse_use_small: Small coarse model.
        fine_use_gpu: See ``text_use_gpu``.
        fine_use_small: Small fine model.
        codec_use_gpu: See ``text_use_gpu``.
        force_reload: Load again even if it is the same.
        checkpoint: "embedded", "noise", a directory or a hub id such as "suno/bark".
        device: "auto", "cpu", "cuda", "mps"; overrules the ``*_use_gpu`` arguments.
        dtype: "auto" (float32 on the CPU), "float32"; on the CPU "int8" is about twice as fast but
            draws other tokens than Suno's code.

    Raises:
        SetupError: The checkpoint or the device is not usable.
    """
    wishes = (text_use_gpu, coarse_use_gpu, fine_use_gpu, codec_use_gpu)
    if any(wishes) and not all(wishes) and device is None:
        _log.warning("the stages cannot be spread over devices: all of them use the GPU, if any")
    small: dict[TransformerStage, bool] = {
        "semantic": text_use_small,
        "coarse": coarse_use_small,
        "fine": fine_use_small,
    }
    choice = ModelChoice(
        checkpoint=checkpoint,
        small=frozenset(stage for stage, is_small in small.items() if is_small),
        device=device or ("auto" if any(wishes) else "cpu"),
        dtype=dtype,
    )
    _models.choose(choice, force_reload=force_reload)


def unload_models() -> None:
    """Free the model; the next call loads it again."""
    _models.clear()


def text_to_semantic(
    text: str,
    history_prompt: HistoryPrompt | None = None,
    temp: float = 0.7,
    silent: bool = False,
    *,
    seed: int | None = None,
) -> NDArray[np.int64]:
    """Make semantic tokens from text: one utterance, at most about 15 s of speech.

    Args:
        text: What to say. More than the model reads at once is cut off with a warning.
        history_prompt: Voice: a name, the path of an ``.npz`` file, or the three arrays.
        temp: Temperature, 0 (greedy) to 10.
        silent: Show no progress bar.
        seed: 0 .. 2**63-1; None: a random one, which is logged.

    Returns:
        int64 [N] tokens for ``semantic_to_waveform``. N may be 0.

    Raises:
        TextError: There is nothing to say.
        UnknownVoiceError: No voice has that name.
        VoiceDataError: The prompt does not fit the model.
    """
    model = _models.get()
    request = new_request(
        model,
        encode(model, text),
        voice=as_voice(history_prompt, model.voices),
        seed=seed,
        text_temp=temp,
    )
    made = run_request(model, replace(request, semantic_only=True), silent=silent)
    return made.tokens.semantic


@overload
def semantic_to_waveform(
    semantic_tokens: NDArray[Any],
    history_prompt: HistoryPrompt | None = None,
    temp: float = 0.7,
    silent: bool = False,
    output_full: Literal[False] = False,
    *,
    seed: int | None = None,
) -> Audio: ...


@overload
def semantic_to_waveform(
    semantic_tokens: NDArray[Any],
    history_prompt: HistoryPrompt | None = None,
    temp: float = 0.7,
    silent: bool = False,
    *,
    output_full: Literal[True],
    seed: int | None = None,
) -> tuple[FullGeneration, Audio]: ...


def semantic_to_waveform(
    semantic_tokens: NDArray[Any],
    history_prompt: HistoryPrompt | None = None,
    temp: float = 0.7,
    silent: bool = False,
    output_full: bool = False,
    *,
    seed: int | None = None,
) -> Audio | tuple[FullGeneration, Audio]:
    """Make audio from semantic tokens.

    Args:
        semantic_tokens: From ``text_to_semantic``; any integer type.
        history_prompt: Voice: a name, the path of an ``.npz`` file, or the three arrays.
        temp: Temperature of the coarse stage, 0 (greedy) to 10.
        silent: Show no progress bar.
        output_full: Return the tokens of all stages as well.
        seed: 0 .. 2**63-1; None: a random one, which is logged.

    Returns:
        float32 [samples] at ``SAMPLE_RATE``, not clipped; with ``output_full`` a pair of the
        generation, usable as a history prompt, and the audio.

    Raises:
        UnknownVoiceError: No voice has that name.
        VoiceDataError: The prompt does not fit the model.
        OptionError: Semantic tokens are out of range.
    """
    model = _models.get()
    tokens = as_codes("semantic_tokens", np.asarray(semantic_tokens)).reshape(-1)
    request = new_request(
        model,
        (),
        voice=as_voice(history_prompt, model.voices),
        seed=seed,
        waveform_temp=temp,
    )
    request = replace(request, semantic_tokens=tuple(tokens.tolist()))
    made = run_request(model, request, silent=silent)
    return (full_generation(made.tokens), made.pcm) if output_full else made.pcm


@overload
def generate_audio(
    text: str,
    history_prompt: HistoryPrompt | None = None,
    text_temp: float = 0.7,
    waveform_temp: float = 0.7,
    silent: bool = False,
    output_full: Literal[False] = False,
    *,
    seed: int | None = None,
) -> Audio: ...


@overload
def generate_audio(
    text: str,
    history_prompt: HistoryPrompt | None = None,
    text_temp: float = 0.7,
    waveform_temp: float = 0.7,
    silent: bool = False,
    *,
    output_full: Literal[True],
    seed: int | None = None,
) -> tuple[FullGeneration, Audio]: ...


def generate_audio(
    text: str,
    history_prompt: HistoryPrompt | None = None,
    text_temp: float = 0.7,
    waveform_temp: float = 0.7,
    silent: bool = False,
    output_full: bool = False,
    *,
    seed: int | None = None,
) -> Audio | tuple[FullGeneration, Audio]:
    """Make audio from text: one utterance, at most about 15 s of speech.

    For long text and for audio while it is being made see ``bark_core.speech``.

    Args:
        text: What to say. More than the model reads at once is cut off with a warning.
        history_prompt: Voice: a name, the path of an ``.npz`` file, or the three arrays.
        text_temp: Temperature of the semantic stage, 0 (greedy) to 10.
        waveform_temp: Temperature of the coarse stage, 0 (greedy) to 10.
        silent: Show no progress bar.
        output_full: Return the tokens of all stages as well.
        seed: 0 .. 2**63-1; None: a random one, which is logged.

    Returns:
        float32 [samples] at ``SAMPLE_RATE``, not clipped; empty if the model had nothing to say.
        With ``output_full`` a pair of the generation, usable as a history prompt, and the audio.

    Raises:
        TextError: There is nothing to say.
        UnknownVoiceError: No voice has that name.
        VoiceDataError: The prompt does not fit the model.
    """
    model = _models.get()
    request = new_request(
        model,
        encode(model, text),
        voice=as_voice(history_prompt, model.voices),
        seed=seed,
        text_temp=text_temp,
        waveform_temp=waveform_temp,
    )
    made = run_request(model, request, silent=silent)
    return (full_generation(made.tokens), made.pcm) if output_full else made.pcm


def save_as_prompt(
    filepath: str | os.PathLike[str], full_generation: Mapping[str, NDArray[Any]]
) -> None:
    """Save what ``output_full`` returned as a history prompt that Suno's code reads as well.

    Raises:
        VoiceDataError: The name does not end in ``.npz``, or an array is missing.
    """
    save_npz(Path(filepath), voice_of(full_generation))

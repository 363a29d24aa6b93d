"""One call of Suno's functions: from text to a request, and its run."""

from __future__ import annotations

import logging
import secrets
from dataclasses import replace

from bark_core.drop_in.progress_bars import ProgressBars
from bark_core.engine.request import UtteranceRequest
from bark_core.errors import CheckpointError, TextError
from bark_core.offline import OfflineModel, OfflineUtterance
from bark_core.options import ExactWindows, SynthesisOptions
from bark_core.voices import Voice

SAMPLE_RATE = 24_000
"""Of all audio of the drop-in functions, in Hz."""

_log = logging.getLogger(__name__)
_SEED_BITS = 32  # short enough to be typed again


def encode(model: OfflineModel, text: str) -> tuple[int, ...]:
    """Ids of a text, white space normalised as in the reference, cut with a warning.

    Raises:
        TextError: There is nothing to say.
    """
    normalised = " ".join(text.split())
    if not normalised:
        raise TextError("the text is empty: send something to say", field="text")
    ids = model.tokenizer.encode(normalised)
    limit = model.checkpoint.config.semantic.max_text_tokens
    if len(ids) > limit:
        _log.warning(
            "the text has %d tokens and the model reads %d: the last %.1f %% are cut off",
            len(ids),
            limit,
            100 * (len(ids) - limit) / len(ids),
        )
    return ids[:limit]


def new_request(
    model: OfflineModel,
    text_ids: tuple[int, ...],
    *,
    voice: Voice | None,
    seed: int | None,
    text_temp: float | None = None,
    waveform_temp: float | None = None,
) -> UtteranceRequest:
    """A request with the checkpoint's defaults, these temperatures and a seed.

    Raises:
        OptionError: A temperature or the seed is out of range.
        CheckpointError: The checkpoint's audio has another sample rate than ``SAMPLE_RATE``.
    """
    rate_hz = model.checkpoint.config.sample_rate_hz
    if rate_hz != SAMPLE_RATE:
        raise CheckpointError(
            f"{model.checkpoint.name} makes audio of {rate_hz} Hz, but these functions promise "
            f"{SAMPLE_RATE} Hz: use bark_core.speech for it"
        )
    if seed is None:
        seed = secrets.randbits(_SEED_BITS)
    _log.info("seed %d", seed)
    semantic, coarse = model.checkpoint.defaults.semantic, model.checkpoint.defaults.coarse
    if text_temp is not None:
        semantic = replace(semantic, temperature=float(text_temp))
    if waveform_temp is not None:
        coarse = replace(coarse, temperature=float(waveform_temp))
    return UtteranceRequest(
        utterance_id="offline",
        stream_id="offline",
        index=0,
        text_ids=text_ids,
        voice=voice,
        options=SynthesisOptions(
            seed=seed,
            semantic=semantic,
            coarse=coarse,
            fine=model.checkpoint.defaults.fine,
            min_eos_p=model.checkpoint.defaults.min_eos_p,
            windows=ExactWindows(),
        ),
        keep_tokens=True,
    )


def run_request(
    model: OfflineModel, request: UtteranceRequest, *, silent: bool
) -> OfflineUtterance:
    """Make it, under a progress bar unless silent.

    Raises:
        InvalidRequestError: The request does not fit the checkpoint.
        EngineFailureError: The model failed.
    """
    limit = model.checkpoint.config.semantic.max_new_tokens
    with ProgressBars(silent=silent, max_semantic_tokens=limit) as bars:
        return model.run(request, bars.show)

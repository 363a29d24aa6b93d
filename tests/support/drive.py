"""Drives a back end by hand, one utterance at a time, straight from the description of Bark."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from bark_core.backends.base import (
    AudioOutput,
    Backend,
    BackendLimits,
    Batch,
    CoarseDraw,
    CoarsePrefill,
    CoarsePrefillRow,
    CoarseStep,
    CoarseStepRow,
    CodecDecode,
    CodecRow,
    FineOutput,
    FinePass,
    FineRow,
    SemanticDraw,
    SemanticPrefill,
    SemanticPrefillRow,
    SemanticStep,
    SemanticStepRow,
    TokenOutput,
)
from bark_core.config import BarkConfig
from bark_core.options import SamplingParams
from bark_core.sampling import DrawKey, Stage
from bark_core.voices import Voice

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]
GREEDY = SamplingParams(temperature=0)
MakeBackend = Callable[[BackendLimits], Backend]
OutputT = TypeVar("OutputT", TokenOutput, FineOutput, AudioOutput)


def wide(slots: int) -> BackendLimits:
    """Every batch may be as wide as there are slots."""
    return BackendLimits(slots, slots, slots, slots, slots)


def run(backend: Backend, batch: Batch, kind: type[OutputT]) -> OutputT:
    """Execute a batch and check that its output is of the right kind and length."""
    output = backend.execute(batch)
    assert isinstance(output, kind)
    match output:
        case TokenOutput(rows):
            assert len(rows) == len(batch.rows)
        case FineOutput(codes):
            assert len(codes) == len(batch.rows)
        case AudioOutput(pcm):
            assert len(pcm) == len(batch.rows)
    return output


@dataclass(frozen=True, slots=True)
class SemanticJob:
    """How the semantic tokens of one utterance are drawn."""

    config: BarkConfig
    text_ids: tuple[int, ...]
    voice: Voice | None = None
    params: SamplingParams = GREEDY
    seed: int = 0
    min_eos_p: float | None = None
    allow_eos: bool = True

    def draw(self, step: int) -> SemanticDraw:
        """Draw of token ``step``."""
        key = DrawKey(self.seed, 0, Stage.SEMANTIC, step)
        return SemanticDraw(key, self.params, self.min_eos_p, self.allow_eos)

    def prefill_row(self, slot: int) -> SemanticPrefillRow:
        """Text and history, offset and padded on the right."""
        tokens = self.config.semantic
        text = np.full(tokens.max_text_tokens, tokens.text_pad_token)
        ids = np.array(self.text_ids[: tokens.max_text_tokens], dtype=np.int64)
        text[: ids.size] = ids + tokens.text_offset
        history = np.full(tokens.max_text_tokens, tokens.pad_token)
        if self.voice is not None:
            past = self.voice.semantic[-tokens.max_text_tokens :]
            history[: past.size] = past
        return SemanticPrefillRow(slot, text, history, self.draw(0))


def drive_semantic(
    backend: Backend, job: SemanticJob, *, slot: int = 0, limit: int | None = None
) -> tuple[int, ...]:
    """All semantic tokens of an utterance."""
    limit = job.config.semantic.max_new_tokens if limit is None else limit
    output = run(backend, SemanticPrefill((job.prefill_row(slot),)), TokenOutput)
    made: list[int] = []
    while (token := output.tokens[0]) is not None:
        made.append(token)
        if len(made) == limit:
            break
        row = SemanticStepRow(slot, token, job.draw(len(made)))
        output = run(backend, SemanticStep((row,)), TokenOutput)
    return tuple(made)


def coarse_draw(step: int, params: SamplingParams = GREEDY, seed: int = 0) -> CoarseDraw:
    """Draw of coarse token ``step``: codebooks take turns."""
    return CoarseDraw(DrawKey(seed, 0, Stage.COARSE, step), params, codebook=step % 2)


def drive_coarse_window(
    backend: Backend,
    ids: IntArray,
    n_tokens: int,
    params: SamplingParams = GREEDY,
    *,
    seed: int = 0,
    slot: int = 0,
) -> list[int]:
    """The tokens of one window, starting with codebook 0."""
    row = CoarsePrefillRow(slot, ids, coarse_draw(0, params, seed))
    made: list[int] = []
    output = run(backend, CoarsePrefill((row,)), TokenOutput)
    for step in range(1, n_tokens + 1):
        token = output.tokens[0]
        assert token is not None
        made.append(token)
        if step < n_tokens:
            step_row = CoarseStepRow(slot, token, coarse_draw(step, params, seed))
            output = run(backend, CoarseStep((step_row,)), TokenOutput)
    return made


def drive_fine(
    backend: Backend, config: BarkConfig, coarse: IntArray, voice: Voice | None
) -> IntArray:
    """All codes of an utterance, window by window as the reference does it, argmax."""
    tokens = config.fine
    frames = coarse.shape[1]
    past = np.zeros((tokens.n_codebooks, 0), dtype=np.int64)
    if voice is not None:
        past = voice.fine[:, -tokens.max_history_frames :]
    history = past.shape[1]
    length = max(history + frames, tokens.window_frames)
    codes = np.full((tokens.n_codebooks, length), tokens.pad_token)
    codes[:, :history] = past
    codes[: coarse.shape[0], history : history + frames] = coarse
    beyond = frames - (tokens.window_frames - history)
    for window in range(max(0, -(-beyond // tokens.stride_frames)) + 1):
        start = min(window * tokens.stride_frames, length - tokens.window_frames)
        fill = min(history + window * tokens.stride_frames, length - tokens.stride_frames)
        view = slice(start, start + tokens.window_frames)
        key = DrawKey(0, 0, Stage.FINE, window)
        row = FineRow(codes[:, view], fill - start, key, temperature=0)
        codes[:, view] = run(backend, FinePass((row,)), FineOutput).codes[0]
    return codes[:, history : history + frames]


def drive_codec(
    backend: Backend, codes: IntArray, cuts: tuple[int, ...] = (), *, slot: int = 0
) -> FloatArray:
    """All samples of an utterance whose frames arrive in pieces that end at ``cuts``.

    The slot is reset first: a stream starts with a fresh one.
    """
    backend.reset((slot,))
    edges = (0, *sorted(cuts), codes.shape[1])
    pieces = []
    for number, (start, end) in enumerate(pairwise(edges)):
        final = number == len(edges) - 2
        row = CodecRow(slot, codes[:, start:end], final)
        pieces.append(run(backend, CodecDecode((row,)), AudioOutput).pcm[0])
    return np.concatenate(pieces)

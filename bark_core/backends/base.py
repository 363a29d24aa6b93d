"""The narrow waist: what runs a model, seen from what decides when.

A back end runs *batches* over numbered *slots*. It knows nothing of requests, text, windows or
time. Slot state (KV caches, codec state) lives inside the back end, preallocated, addressed by
number, cleared by ``reset``. A row's result never depends on the other rows of its batch: not on
their content, number or order, bit for bit.

Shape letters: K codebooks, T frames, N samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bark_core.options import SamplingParams
from bark_core.sampling import DrawKey

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]


WARM_UP_UTTERANCE = 2**31 - 1
"""``DrawKey.utterance`` of the utterance that warms a back end up; no real one has it."""


@dataclass(frozen=True, slots=True)
class SemanticDraw:
    """How the next semantic token is drawn. ``min_eos_p`` None: only a drawn end token ends."""

    key: DrawKey
    params: SamplingParams
    min_eos_p: float | None
    allow_eos: bool


@dataclass(frozen=True, slots=True)
class CoarseDraw:
    """How the next coarse token is drawn: from codebook ``codebook`` only."""

    key: DrawKey
    params: SamplingParams
    codebook: int


@dataclass(frozen=True, slots=True)
class SemanticPrefillRow:
    """Start of an utterance. Clears the slot's semantic cache, fills it, draws token 0.

    Attributes:
        text_ids: [max_text_tokens] offset and padded.
        history_ids: [max_text_tokens] semantic history, padded. The embeddings of both are
            *summed* position by position and the infer token follows (257 positions).
    """

    slot: int
    text_ids: IntArray
    history_ids: IntArray
    draw: SemanticDraw


@dataclass(frozen=True, slots=True)
class SemanticStepRow:
    """Append ``token`` (the last one drawn) at the cache's end and draw the next."""

    slot: int
    token: int
    draw: SemanticDraw


@dataclass(frozen=True, slots=True)
class CoarsePrefillRow:
    """A window's context. Clears the slot's coarse cache, fills it, draws the next token.

    Attributes:
        ids: [P] semantic slice, infer token, flattened coarse history, as model ids.
    """

    slot: int
    ids: IntArray
    draw: CoarseDraw


@dataclass(frozen=True, slots=True)
class CoarseStepRow:
    """Append ``token`` (a model id, as drawn) at the cache's end and draw the next."""

    slot: int
    token: int
    draw: CoarseDraw


@dataclass(frozen=True, slots=True)
class FineRow:
    """One window of the fine stage: codebooks ``n_coarse``..K-1 predicted one after another.

    Attributes:
        codes: [K, T] codes in the window (``pad_token`` where unknown). Not modified.
        fill_start: First column whose codes are replaced; those before it are context.
        key: Draw key of the window; codebook k uses ``key.with_codebook(k)``.
        temperature: 0 means argmax.
    """

    codes: IntArray
    fill_start: int
    key: DrawKey
    temperature: float


@dataclass(frozen=True, slots=True)
class CodecRow:
    """The next frames of an utterance for the slot's stateful decoder.

    Attributes:
        codes: [K, T] codes, T >= 0.
        final: True flushes the decoder: the utterance ends here.
    """

    slot: int
    codes: IntArray
    final: bool


@dataclass(frozen=True, slots=True)
class SemanticPrefill:
    """Rows that start utterances."""

    rows: tuple[SemanticPrefillRow, ...]


@dataclass(frozen=True, slots=True)
class SemanticStep:
    """One semantic token for each row."""

    rows: tuple[SemanticStepRow, ...]


@dataclass(frozen=True, slots=True)
class CoarsePrefill:
    """Rows that start coarse windows."""

    rows: tuple[CoarsePrefillRow, ...]


@dataclass(frozen=True, slots=True)
class CoarseStep:
    """One coarse token for each row."""

    rows: tuple[CoarseStepRow, ...]


@dataclass(frozen=True, slots=True)
class FinePass:
    """One fine window for each row. Stateless."""

    rows: tuple[FineRow, ...]


@dataclass(frozen=True, slots=True)
class CodecDecode:
    """Frames to samples for each row."""

    rows: tuple[CodecRow, ...]


Batch = SemanticPrefill | SemanticStep | CoarsePrefill | CoarseStep | FinePass | CodecDecode


@dataclass(frozen=True, slots=True)
class TokenOutput:
    """One token a row, as a model id. None: the semantic stage drew or reached its end token."""

    tokens: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class FineOutput:
    """One [K, T] array a row: the window with its codes filled in."""

    codes: tuple[IntArray, ...]


@dataclass(frozen=True, slots=True)
class AudioOutput:
    """One float32 [N] array a row, not clipped. N may be 0 until the decoder has its look-ahead."""

    pcm: tuple[FloatArray, ...]


Output = TokenOutput | FineOutput | AudioOutput


@dataclass(frozen=True, slots=True)
class BackendLimits:
    """What a back end can hold and how wide it may be driven.

    Attributes:
        slots: Utterances that may be in flight.
        max_step_rows: Widest SemanticStep and CoarseStep.
        max_prefill_rows: Widest SemanticPrefill and CoarsePrefill.
        max_fine_rows: Widest FinePass.
        max_codec_rows: Widest CodecDecode.
        lanes: Batches that may run at once, each of another stage (semantic, coarse, fine, codec).
        prefills_beside_steps: A prefill may also run beside steps of its stage, of other slots.
    """

    slots: int
    max_step_rows: int
    max_prefill_rows: int
    max_fine_rows: int
    max_codec_rows: int
    lanes: int = 1
    prefills_beside_steps: bool = False


@dataclass(frozen=True, slots=True)
class BackendInfo:
    """What a back end says of itself, for people."""

    name: str  # "torch", "fake"
    device: str  # "cpu", "cuda:0 (NVIDIA ...)"
    dtype: str  # "float32"
    threads: int


class Backend(Protocol):
    """Runs batches over numbered slots.

    ``execute`` may be called from up to ``limits.lanes`` threads at once, never for two batches of
    one stage, unless they are a prefill and a step and ``limits.prefills_beside_steps``: otherwise
    only stages have no state in common. ``reset`` may be called meanwhile, for slots that are
    in none of the batches under way. With one lane, one thread uses it at a time.
    """

    @property
    def limits(self) -> BackendLimits:
        """How many slots and how wide a batch."""
        ...

    @property
    def info(self) -> BackendInfo:
        """Name, device, precision."""
        ...

    def execute(self, batch: Batch, /) -> Output:
        """Run one batch; rows of the output answer rows of the batch.

        Raises:
            EngineFailureError: The model produced values that are not finite.
        """
        ...

    def reset(self, slots: Sequence[int], /) -> None:
        """Forget all state of these slots."""
        ...

    def close(self) -> None:
        """Free everything. Safe to call twice."""
        ...

"""The four stages: rows of batches in, tokens, codes or samples out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

from bark_core.backends.base import (
    CoarsePrefillRow,
    CoarseStepRow,
    CodecRow,
    FineRow,
    FloatArray,
    IntArray,
    SemanticDraw,
    SemanticPrefillRow,
    SemanticStepRow,
)
from bark_core.backends.checks import require_finite
from bark_core.backends.torch import packed
from bark_core.backends.torch.causal import CausalPlan, CausalRunner
from bark_core.backends.torch.device import Placement, move, on_device
from bark_core.config import BarkConfig
from bark_core.models.codec import CodecDecoder
from bark_core.models.fine import FineModel
from bark_core.models.loading import build
from bark_core.sampling import draw_fine, draw_semantic, draw_token

Tensors = dict[str, Tensor]


class SemanticStage:
    """Text to semantic tokens."""

    def __init__(
        self, config: BarkConfig, tensors: Tensors, placement: Placement, slots: int, rows: int
    ) -> None:
        ids = (*range(config.semantic.vocab_size), config.semantic.pad_token)  # the end comes last
        self._infer_token = config.semantic.infer_token
        plan = CausalPlan("semantic", config.semantic_model, slots, rows, heads=(ids,))
        self._runner = CausalRunner(plan, tensors, placement)

    def clear(self, slots: Iterable[int]) -> None:
        """Forget these slots."""
        self._runner.clear(slots)

    def prefill(self, row: SemanticPrefillRow) -> int | None:
        """Sum the embeddings of text and history, append the infer token, draw token 0."""
        runner = self._runner
        assert row.text_ids.shape == row.history_ids.shape, (row.text_ids, row.history_ids)
        both = runner.embed(row.text_ids) + runner.embed(row.history_ids)
        infer = runner.embed(np.array([self._infer_token]))
        logits = runner.prefill(torch.cat((both, infer)), row.slot, head=0)
        token = _draw_semantic(logits, row.draw)
        runner.commit((row.slot,), both.shape[0] + 1)
        return token

    def step(self, rows: Sequence[SemanticStepRow]) -> tuple[int | None, ...]:
        """One token for each row."""
        slots = [row.slot for row in rows]
        self._runner.require_prefilled(slots)
        logits = self._runner.step([row.token for row in rows], slots, [0] * len(rows))
        tokens = tuple(
            _draw_semantic(of_row, row.draw) for of_row, row in zip(logits, rows, strict=True)
        )
        self._runner.commit(slots, 1)
        return tokens


class CoarseStage:
    """Semantic tokens to the codes of the first codebooks."""

    def __init__(
        self, config: BarkConfig, tensors: Tensors, placement: Placement, slots: int, rows: int
    ) -> None:
        size = config.coarse.codebook_size
        self._starts = tuple(
            config.semantic.vocab_size + book * size for book in range(config.coarse.n_codebooks)
        )
        heads = tuple(tuple(range(start, start + size)) for start in self._starts)
        plan = CausalPlan("coarse", config.coarse_model, slots, rows, heads)
        self._runner = CausalRunner(plan, tensors, placement)

    def clear(self, slots: Iterable[int]) -> None:
        """Forget these slots."""
        self._runner.clear(slots)

    def prefill(self, row: CoarsePrefillRow) -> int:
        """Fill the slot with a window's context and draw the next token."""
        draw = row.draw
        embeddings = self._runner.embed(row.ids)
        logits = self._runner.prefill(embeddings, row.slot, draw.codebook)
        token = self._starts[draw.codebook] + draw_token(logits, draw.params, draw.key)
        self._runner.commit((row.slot,), embeddings.shape[0])
        return token

    def step(self, rows: Sequence[CoarseStepRow]) -> tuple[int, ...]:
        """One token for each row."""
        slots = [row.slot for row in rows]
        self._runner.require_prefilled(slots)
        books = [row.draw.codebook for row in rows]
        logits = self._runner.step([row.token for row in rows], slots, books)
        tokens = tuple(
            self._starts[row.draw.codebook] + draw_token(of_row, row.draw.params, row.draw.key)
            for of_row, row in zip(logits, rows, strict=True)
        )
        self._runner.commit(slots, 1)
        return tokens


class FineStage:
    """The codes of the other codebooks, a window at a time."""

    def __init__(self, config: BarkConfig, tensors: Tensors, placement: Placement) -> None:
        self._books = range(config.coarse.n_codebooks, config.fine.n_codebooks)
        self._placement = placement
        self._model = build(lambda: FineModel(config.fine_model, config.fine), tensors, "fine")
        move(self._model, placement)
        if placement.device.type == "cpu" and packed.is_available(placement.dtype):
            packed.pack(self._model)

    def fill(self, row: FineRow) -> IntArray:
        """[K, T] -> [K, T] with the window's codes filled in."""
        codes = on_device(row.codes, self._placement)
        for book in self._books:
            logits = self._model(codes, book, row.fill_start).float().cpu().numpy()
            require_finite(logits, "fine")
            drawn = draw_fine(logits, row.temperature, row.key.with_codebook(book))
            codes[book, row.fill_start :] = on_device(drawn, self._placement)
        return codes.cpu().numpy()


class CodecStage:
    """Codes to samples, a stream for each slot. Always float32."""

    def __init__(
        self, config: BarkConfig, tensors: Tensors, placement: Placement, slots: int
    ) -> None:
        self._placement = placement
        self._model = build(
            lambda: CodecDecoder(config.codec, config.fine.n_codebooks), tensors, "codec"
        ).to(placement.device)
        self._start = self._model.init_state()
        self._states = [self._start] * slots  # immutable, so all may share the first

    def clear(self, slots: Iterable[int]) -> None:
        """Let these slots start new streams."""
        for slot in slots:
            self._states[slot] = self._start

    def decode(self, row: CodecRow) -> FloatArray:
        """The next samples; the slot starts a new stream after a final row."""
        codes = on_device(row.codes, self._placement)
        samples, state = self._model.decode(codes, self._states[row.slot], final=row.final)
        pcm = require_finite(samples.cpu().numpy(), "codec")
        self._states[row.slot] = self._start if row.final else state
        return pcm


def _draw_semantic(logits: FloatArray, draw: SemanticDraw) -> int | None:
    """A token, or None at the end of speech. [vocab_size + 1], the end token last."""
    return draw_semantic(
        logits if draw.allow_eos else logits[:-1],
        draw.params,
        draw.key,
        min_eos_p=draw.min_eos_p,
        allow_eos=draw.allow_eos,
    )

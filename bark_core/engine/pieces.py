"""What an utterance takes, piece of audio by piece, in rows of batches. No model, no time.

The windows decide it, so it is found by walking an utterance's own pipeline with made-up answers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bark_core.config import BarkConfig
from bark_core.engine.pipeline import Pipeline
from bark_core.engine.request import UtteranceRequest
from bark_core.engine.work import Answer, Work
from bark_core.options import SynthesisOptions, WindowPolicy

NOBODY = "pieces"


@dataclass(frozen=True, slots=True)
class Piece:
    """Audio that comes at once.

    Attributes:
        audio_s: Its length.
        rows: What has to be computed after the piece before it, by kind.
    """

    audio_s: float
    rows: Mapping[Work, int]


@dataclass(frozen=True, slots=True)
class Recipe:
    """All of an utterance: its pieces, their rows together, and their length."""

    pieces: tuple[Piece, ...]
    rows: Mapping[Work, int]
    audio_s: float


def recipe_of(config: BarkConfig, windows: WindowPolicy) -> Recipe:
    """The longest utterance that the model makes, under a policy.

    A voice changes the lengths of prompts, which is a matter of what batches cost, and hardly their
    number.
    """
    tokens = config.semantic.max_new_tokens
    request = UtteranceRequest(
        utterance_id=NOBODY,
        stream_id=NOBODY,
        index=0,
        text_ids=(0,),
        voice=None,
        options=SynthesisOptions(seed=0, windows=windows, forced_semantic_tokens=tokens),
    )
    pipeline = Pipeline(config, request, None)
    pieces: list[Piece] = []
    rows: Counter[Work] = Counter()
    while not pipeline.finished:
        work = pipeline.ready()[0]
        rows[work] += 1
        pcm = pipeline.accept(work, _made_up(pipeline, work, config))
        if pcm is not None and pcm.size:
            pieces.append(Piece(pcm.size / config.sample_rate_hz, dict(rows)))
            rows.clear()
    total: Counter[Work] = Counter()
    for piece in pieces:
        total.update(piece.rows)
    return Recipe(tuple(pieces), dict(total), sum(piece.audio_s for piece in pieces))


def _made_up(pipeline: Pipeline, work: Work, config: BarkConfig) -> Answer:
    match work:
        case Work.SEMANTIC_PREFILL | Work.SEMANTIC_STEP:
            return 0
        case Work.COARSE_PREFILL | Work.COARSE_STEP:
            codebook = pipeline.coarse_codebook
            return config.semantic.vocab_size + codebook * config.coarse.codebook_size
        case Work.FINE:
            row = pipeline.row(work, 0)
            return np.zeros_like(row.codes)  # type: ignore[union-attr]
        case Work.CODEC:
            row = pipeline.row(work, 0)
            frames = row.codes.shape[1]  # type: ignore[union-attr]
            return np.zeros(frames * config.hop_samples, np.float32)

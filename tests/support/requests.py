"""Utterance requests for tests, with everything defaulted."""

from __future__ import annotations

from typing import Any

import numpy as np

from bark_core.config import BarkConfig
from bark_core.engine.request import UtteranceRequest
from bark_core.options import SynthesisOptions
from bark_core.voices import Voice


def request(
    utterance_id: str = "a", text_ids: int | tuple[int, ...] = 5, **fields: Any
) -> UtteranceRequest:
    """An utterance of so many (or these) ids. Fields of SynthesisOptions may be given as well."""
    own = set(UtteranceRequest.__dataclass_fields__)
    options = {name: fields.pop(name) for name in list(fields) if name not in own}
    fields.setdefault("options", SynthesisOptions(**{"seed": 7, **options}))
    fields.setdefault("stream_id", utterance_id)
    fields.setdefault("index", 0)
    fields.setdefault("voice", None)
    ids = tuple(range(100, 100 + text_ids)) if isinstance(text_ids, int) else text_ids
    return UtteranceRequest(utterance_id=utterance_id, text_ids=ids, **fields)


def random_voice(config: BarkConfig, semantic: int, frames: int, seed: int = 0) -> Voice:
    """A history prompt of random tokens."""
    generator = np.random.default_rng(seed)
    fine = generator.integers(0, config.fine.codebook_size, (config.fine.n_codebooks, frames))
    return Voice(
        semantic=generator.integers(0, config.semantic.vocab_size, semantic),
        coarse=fine[: config.coarse.n_codebooks].copy(),
        fine=fine,
    )

"""The noise model: tiny, random, from a fixed seed. For trying the machinery without a checkpoint.

It has Bark's token layout and windows, so every rule is exercised; it ends utterances after one to
four seconds by itself and makes audible, quiet noise. It was never trained and says nothing.
"""

from __future__ import annotations

import numpy as np

from bark_core.config import (
    BarkConfig,
    CoarseTokens,
    CodecConfig,
    FineTokens,
    SemanticTokens,
    TransformerConfig,
)
from bark_core.voices import Voice, VoiceSource, as_codes

NAME = "noise"
SEED = 20_230_501
DEFAULT_VOICE = "v2/en_speaker_0"
NOTICE = (
    "this is a tiny random model: what you hear is noise, not speech. Name a real checkpoint, "
    "such as suno/bark-small, to hear words"
)
TEXT_VOCAB_SIZE = 500
_TEXT_OFFSET = 10_048
_VOICES = (DEFAULT_VOICE, "v2/en_speaker_1")
_VOICE_SEMANTIC_TOKENS = 300  # beyond the 209 that a full coarse history needs


def config() -> BarkConfig:
    """Two layers of 64; windows, offsets and code books as published, fewer text ids."""
    semantic = SemanticTokens(
        text_pad_token=_TEXT_OFFSET + TEXT_VOCAB_SIZE,
        infer_token=_TEXT_OFFSET + TEXT_VOCAB_SIZE + 4,
    )
    return BarkConfig(
        name=NAME,
        semantic_model=_model(semantic.infer_token + 1, 10_048),
        coarse_model=_model(12_096, 12_096),
        fine_model=_model(1_056, 1_056),
        codec=CodecConfig(n_filters=4, hidden_size=32),
        semantic=semantic,
        coarse=CoarseTokens(),
        fine=FineTokens(),
    )


def _model(input_vocab_size: int, output_vocab_size: int) -> TransformerConfig:
    return TransformerConfig(
        n_layer=2,
        n_head=2,
        n_embd=64,
        input_vocab_size=input_vocab_size,
        output_vocab_size=output_vocab_size,
    )


def voices() -> dict[str, VoiceSource]:
    """Two random history prompts, long enough for the shortest start of the coarse stage."""
    return {name: _voice(number) for number, name in enumerate(_VOICES)}


def _voice(number: int) -> Voice:
    numbers = np.random.Generator(np.random.Philox(key=SEED + number))
    model = config()
    frames_per_token = model.coarse_per_semantic / model.coarse.n_codebooks
    frames = round(_VOICE_SEMANTIC_TOKENS * frames_per_token)
    fine = numbers.integers(0, model.fine.codebook_size, (model.fine.n_codebooks, frames))
    return Voice(
        semantic=as_codes(
            "semantic_prompt",
            numbers.integers(0, model.semantic.vocab_size, _VOICE_SEMANTIC_TOKENS),
        ),
        coarse=as_codes("coarse_prompt", fine[: model.coarse.n_codebooks]),
        fine=as_codes("fine_prompt", fine),
    )

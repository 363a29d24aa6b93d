"""Bark configurations small enough to run everywhere, with every number distinct."""

from __future__ import annotations

from dataclasses import replace

from bark_core.config import (
    BarkConfig,
    CoarseTokens,
    CodecConfig,
    FineTokens,
    SemanticTokens,
    TransformerConfig,
)


def tiny_config(*, n_layer: int = 2, n_head: int = 2, n_embd: int = 16) -> BarkConfig:
    """A Bark of a few thousand weights whose rates are those of the published one.

    Vocabularies leave unused ids where the published ones do, so that a wrong slice shows.
    """
    codebook_size = 16
    semantic_vocab_size = 64
    text_offset = 72
    n_text_ids = 40

    def model(block_size: int, input_vocab_size: int, output_vocab_size: int) -> TransformerConfig:
        return TransformerConfig(
            n_layer=n_layer,
            n_head=n_head,
            n_embd=n_embd,
            block_size=block_size,
            input_vocab_size=input_vocab_size,
            output_vocab_size=output_vocab_size,
        )

    coarse_end = semantic_vocab_size + 2 * codebook_size
    return BarkConfig(
        name="tiny-test",
        semantic_model=model(64, text_offset + n_text_ids, text_offset),
        coarse_model=model(128, coarse_end + 16, coarse_end + 16),
        fine_model=model(32, codebook_size + 8, codebook_size + 8),
        codec=CodecConfig(n_filters=4, hidden_size=12, codebook_size=codebook_size),
        semantic=SemanticTokens(
            vocab_size=semantic_vocab_size,
            pad_token=semantic_vocab_size,
            text_offset=text_offset,
            text_pad_token=text_offset + n_text_ids - 5,
            infer_token=text_offset + n_text_ids - 1,
            max_text_tokens=10,
            max_new_tokens=50,
        ),
        coarse=CoarseTokens(
            codebook_size=codebook_size,
            semantic_pad_token=coarse_end,
            infer_token=coarse_end + 2,
            max_semantic_tokens=32,
            max_history_tokens=60,
            window_steps=12,
        ),
        fine=FineTokens(codebook_size=codebook_size, max_history_frames=16, window_frames=32),
    )


def with_codec(config: BarkConfig, codec: CodecConfig) -> BarkConfig:
    """The same Bark with another codec (of the same frame rate)."""
    return replace(config, codec=codec)

"""Understands the Hugging Face files ``config.json`` and ``generation_config.json`` of a Bark.

Field names: ``transformers`` ``models/bark/configuration_bark.py``,
``models/bark/generation_configuration_bark.py`` and ``models/encodec/configuration_encodec.py``.
A field that is absent has its published value (suno/bark, suno/bark-small).
"""

from __future__ import annotations

from bark_core.checkpoints.json_file import Fields
from bark_core.config import SMALL as SMALL_SIZE
from bark_core.config import (
    BarkConfig,
    CoarseTokens,
    CodecConfig,
    FineTokens,
    SemanticTokens,
    TransformerConfig,
    published,
)
from bark_core.errors import CheckpointError

_MAX_LAYERS = 256
_MAX_WIDTH = 65_536
_MAX_POSITIONS = 65_536


def parse_config(name: str, config: Fields, generation: Fields) -> BarkConfig:
    """The configuration that both files declare together.

    Args:
        name: Name of the checkpoint.
        config: ``config.json``.
        generation: ``generation_config.json``; may be empty.

    Raises:
        CheckpointError: A field is out of range, contradicts another, or asks for something that
            Bark does not have; names the field.
    """
    config.must_be("model_type", "bark", "this is another kind of model")
    usual = published(name, SMALL_SIZE)
    codec = _codec(config.sub("codec_config"))
    codebook_size = _agreed(
        "generation_config.json: codebook_size",
        generation.integer("codebook_size", codec.codebook_size),
        "config.json: codec_config.codebook_size",
        codec.codebook_size,
    )
    _agreed(
        "generation_config.json: sample_rate",
        generation.integer("sample_rate", codec.sample_rate_hz),
        "config.json: codec_config.sampling_rate",
        codec.sample_rate_hz,
    )
    fine_fields = config.sub("fine_acoustics_config")
    return BarkConfig(
        name=name,
        semantic_model=_transformer(config.sub("semantic_config"), usual.semantic_model),
        coarse_model=_transformer(config.sub("coarse_acoustics_config"), usual.coarse_model),
        fine_model=_transformer(fine_fields, usual.fine_model),
        codec=codec,
        semantic=_semantic_tokens(generation.sub("semantic_config")),
        coarse=_coarse_tokens(generation.sub("coarse_acoustics_config"), codebook_size),
        fine=_fine_tokens(fine_fields, generation.sub("fine_acoustics_config"), codebook_size),
    )


def _transformer(fields: Fields, usual: TransformerConfig) -> TransformerConfig:
    fields.must_be("bias", wanted=False, reason="Bark's linear layers have no biases")
    return TransformerConfig(
        n_layer=fields.integer("num_layers", usual.n_layer, high=_MAX_LAYERS),
        n_head=fields.integer("num_heads", usual.n_head, high=_MAX_WIDTH),
        n_embd=fields.integer("hidden_size", usual.n_embd, high=_MAX_WIDTH),
        block_size=fields.integer("block_size", usual.block_size, high=_MAX_POSITIONS),
        input_vocab_size=fields.integer("input_vocab_size", usual.input_vocab_size),
        output_vocab_size=fields.integer("output_vocab_size", usual.output_vocab_size),
    )


def _codec(fields: Fields) -> CodecConfig:
    usual = CodecConfig()
    for name, wanted in (
        ("audio_channels", 1),
        ("norm_type", "weight_norm"),
        ("use_causal_conv", True),
        ("pad_mode", "reflect"),
        ("trim_right_ratio", 1),
        ("use_conv_shortcut", True),
    ):
        fields.must_be(name, wanted, "only EnCodec's causal 24 kHz kind can be streamed here")
    hidden_size = fields.integer("hidden_size", usual.hidden_size, high=_MAX_WIDTH)
    fields.must_be("codebook_dim", hidden_size, "it must equal hidden_size")
    return CodecConfig(
        sample_rate_hz=fields.integer(
            "sampling_rate", usual.sample_rate_hz, low=1000, high=384_000
        ),
        upsampling_ratios=fields.integers("upsampling_ratios", usual.upsampling_ratios, high=1024),
        n_filters=fields.integer("num_filters", usual.n_filters, high=_MAX_WIDTH),
        hidden_size=hidden_size,
        n_lstm_layers=fields.integer("num_lstm_layers", usual.n_lstm_layers, low=0, high=16),
        kernel_size=fields.integer("kernel_size", usual.kernel_size, high=127),
        last_kernel_size=fields.integer("last_kernel_size", usual.last_kernel_size, high=127),
        residual_kernel_size=fields.integer(
            "residual_kernel_size", usual.residual_kernel_size, high=127
        ),
        n_residual_layers=fields.integer(
            "num_residual_layers", usual.n_residual_layers, low=0, high=16
        ),
        dilation_growth_rate=fields.integer(
            "dilation_growth_rate", usual.dilation_growth_rate, high=16
        ),
        compress=fields.integer("compress", usual.compress, high=64),
        codebook_size=fields.integer("codebook_size", usual.codebook_size, high=1_048_576),
    )


def _semantic_tokens(fields: Fields) -> SemanticTokens:
    usual = SemanticTokens()
    vocab_size = fields.integer("semantic_vocab_size", usual.vocab_size)
    end_token = fields.integer("eos_token_id", usual.pad_token)
    return SemanticTokens(
        rate_hz=fields.number("semantic_rate_hz", usual.rate_hz, low=0.1, high=1000),
        vocab_size=vocab_size,
        pad_token=_agreed(
            f"{fields.label}.semantic_pad_token",
            fields.integer("semantic_pad_token", end_token),
            f"{fields.label}.eos_token_id",
            end_token,
        ),
        text_offset=fields.integer("text_encoding_offset", usual.text_offset),
        text_pad_token=fields.integer("text_pad_token", usual.text_pad_token),
        infer_token=fields.integer("semantic_infer_token", usual.infer_token),
        max_text_tokens=fields.integer(
            "max_input_semantic_length", usual.max_text_tokens, high=_MAX_POSITIONS
        ),
        max_new_tokens=fields.integer("max_new_tokens", usual.max_new_tokens, high=_MAX_POSITIONS),
    )


def _coarse_tokens(fields: Fields, codebook_size: int) -> CoarseTokens:
    usual = CoarseTokens()
    return CoarseTokens(
        rate_hz=fields.integer("coarse_rate_hz", usual.rate_hz, high=10_000),
        n_codebooks=fields.integer("n_coarse_codebooks", usual.n_codebooks, high=64),
        codebook_size=codebook_size,
        semantic_pad_token=fields.integer("coarse_semantic_pad_token", usual.semantic_pad_token),
        infer_token=fields.integer("coarse_infer_token", usual.infer_token),
        max_semantic_tokens=fields.integer(
            "max_coarse_input_length", usual.max_semantic_tokens, high=_MAX_POSITIONS
        ),
        max_history_tokens=fields.integer(
            "max_coarse_history", usual.max_history_tokens, high=_MAX_POSITIONS
        ),
        window_steps=fields.integer("sliding_window_len", usual.window_steps, high=_MAX_POSITIONS),
    )


def _fine_tokens(model: Fields, fields: Fields, codebook_size: int) -> FineTokens:
    usual = FineTokens()
    # The first head belongs to the second code book in every published model.
    model.must_be("n_codes_given", 1, "Bark's fine model has a head for all code books but one")
    n_codebooks = model.integer("n_codes_total", usual.n_codebooks, low=2, high=64)
    return FineTokens(
        n_codebooks=_agreed(
            f"{fields.label}.n_fine_codebooks",
            fields.integer("n_fine_codebooks", n_codebooks, high=64),
            f"{model.label}.n_codes_total",
            n_codebooks,
        ),
        codebook_size=codebook_size,
        max_history_frames=fields.integer(
            "max_fine_history_length", usual.max_history_frames, high=_MAX_POSITIONS
        ),
        window_frames=fields.integer(
            "max_fine_input_length", usual.window_frames, high=_MAX_POSITIONS
        ),
    )


def _agreed(name: str, value: int, other_name: str, other_value: int) -> int:
    """The value that two fields must share."""
    if value != other_value:
        raise CheckpointError(f"{name} is {value} but {other_name} is {other_value}")
    return value

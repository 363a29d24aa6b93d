"""Checks that the token ids of a config fit its networks, before any id is looked up."""

from __future__ import annotations

from bark_core.config import BarkConfig
from bark_core.errors import CheckpointError


def check_token_ids(config: BarkConfig) -> None:
    """Every id that a stage reads or writes must be a row of its tables.

    Raises:
        CheckpointError: One is not; names both fields.
    """
    semantic, coarse, fine = config.semantic, config.coarse, config.fine
    coarse_end = semantic.vocab_size + coarse.n_codebooks * coarse.codebook_size
    inputs = config.semantic_model.input_vocab_size
    _below("text_pad_token", semantic.text_pad_token, "semantic input_vocab_size", inputs)
    _below("semantic_infer_token", semantic.infer_token, "semantic input_vocab_size", inputs)
    _below(
        "eos_token_id",
        semantic.pad_token,
        "semantic output_vocab_size",
        config.semantic_model.output_vocab_size,
    )
    _below("semantic_vocab_size - 1", semantic.vocab_size - 1, "eos_token_id", semantic.pad_token)
    inputs = config.coarse_model.input_vocab_size
    _below(
        "coarse_semantic_pad_token", coarse.semantic_pad_token, "coarse input_vocab_size", inputs
    )
    _below("coarse_infer_token", coarse.infer_token, "coarse input_vocab_size", inputs)
    _below("the last coarse code", coarse_end - 1, "coarse input_vocab_size", inputs)
    _below(
        "the last coarse code",
        coarse_end - 1,
        "coarse output_vocab_size",
        config.coarse_model.output_vocab_size,
    )
    _below("codebook_size", fine.pad_token, "fine input_vocab_size", _fine_vocabulary(config))
    _below("n_coarse_codebooks", coarse.n_codebooks, "n_fine_codebooks", fine.n_codebooks)
    for model in (config.semantic_model, config.coarse_model, config.fine_model):
        _ = model.head_dim  # raises where the width is no multiple of the heads


def _fine_vocabulary(config: BarkConfig) -> int:
    """The fine tables' rows; they are also the heads, so in and out must be the same."""
    model = config.fine_model
    if model.input_vocab_size != model.output_vocab_size:
        raise CheckpointError(
            f"fine input_vocab_size {model.input_vocab_size} differs from output_vocab_size "
            f"{model.output_vocab_size}, but Bark's fine tables are also its heads"
        )
    return model.input_vocab_size


def _below(name: str, value: int, limit_name: str, limit: int) -> None:
    if value >= limit:
        raise CheckpointError(f"{name} is {value} but must be below {limit_name} {limit}")

"""Writes a config in the Hugging Face form: the inverse of ``hf_config`` and ``hf_defaults``.

For those who make checkpoints (training, tests). The files also open in the ``transformers``
package.
"""

from __future__ import annotations

import json
from pathlib import Path

from bark_core.checkpoints.checkpoint import SynthesisDefaults
from bark_core.checkpoints.hf_directory import CONFIG_FILE, GENERATION_FILE
from bark_core.config import BarkConfig, CodecConfig, TransformerConfig
from bark_core.options import SamplingParams


def write_config(directory: Path, config: BarkConfig, defaults: SynthesisDefaults) -> None:
    """Write ``config.json`` and ``generation_config.json`` into an existing directory."""
    for name, content in (
        (CONFIG_FILE, config_json(config)),
        (GENERATION_FILE, generation_json(config, defaults)),
    ):
        text = json.dumps(content, indent=2, sort_keys=True)
        (directory / name).write_text(text + "\n", encoding="utf-8")


def config_json(config: BarkConfig) -> dict[str, object]:
    """Content of ``config.json``."""
    return {
        "architectures": ["BarkModel"],
        "model_type": "bark",
        "semantic_config": {"model_type": "semantic", **_transformer(config.semantic_model)},
        "coarse_acoustics_config": {
            "model_type": "coarse_acoustics",
            **_transformer(config.coarse_model),
        },
        "fine_acoustics_config": {
            "model_type": "fine_acoustics",
            "n_codes_given": 1,
            "n_codes_total": config.fine.n_codebooks,
            **_transformer(config.fine_model),
        },
        "codec_config": {"model_type": "encodec", **_codec(config.codec, config.fine.n_codebooks)},
    }


def _transformer(model: TransformerConfig) -> dict[str, object]:
    return {
        "bias": False,
        "block_size": model.block_size,
        "dropout": 0.0,
        "hidden_size": model.n_embd,
        "input_vocab_size": model.input_vocab_size,
        "num_heads": model.n_head,
        "num_layers": model.n_layer,
        "output_vocab_size": model.output_vocab_size,
    }


def _codec(codec: CodecConfig, n_codebooks: int) -> dict[str, object]:
    bits_per_code = (codec.codebook_size - 1).bit_length()
    return {
        "audio_channels": 1,
        "codebook_dim": codec.hidden_size,
        "codebook_size": codec.codebook_size,
        "compress": codec.compress,
        "dilation_growth_rate": codec.dilation_growth_rate,
        "hidden_size": codec.hidden_size,
        "kernel_size": codec.kernel_size,
        "last_kernel_size": codec.last_kernel_size,
        "norm_type": "weight_norm",
        "num_filters": codec.n_filters,
        "num_lstm_layers": codec.n_lstm_layers,
        "num_residual_layers": codec.n_residual_layers,
        "pad_mode": "reflect",
        "residual_kernel_size": codec.residual_kernel_size,
        "sampling_rate": codec.sample_rate_hz,
        # transformers derives the number of code books from the highest bandwidth in kbit/s.
        "target_bandwidths": [n_codebooks * codec.frame_rate_hz * bits_per_code / 1000],
        "trim_right_ratio": 1.0,
        "upsampling_ratios": list(codec.upsampling_ratios),
        "use_causal_conv": True,
        "use_conv_shortcut": True,
    }


def generation_json(config: BarkConfig, defaults: SynthesisDefaults) -> dict[str, object]:
    """Content of ``generation_config.json``."""
    semantic, coarse, fine = config.semantic, config.coarse, config.fine
    return {
        "model_type": "bark",
        "codebook_size": fine.codebook_size,
        "sample_rate": config.sample_rate_hz,
        "semantic_config": {
            **_sampling(defaults.semantic),
            **_utterances(defaults),
            "eos_token_id": semantic.pad_token,
            "max_input_semantic_length": semantic.max_text_tokens,
            "max_new_tokens": semantic.max_new_tokens,
            "min_eos_p": defaults.min_eos_p or 0.0,
            "semantic_infer_token": semantic.infer_token,
            "semantic_pad_token": semantic.pad_token,
            "semantic_rate_hz": semantic.rate_hz,
            "semantic_vocab_size": semantic.vocab_size,
            "text_encoding_offset": semantic.text_offset,
            "text_pad_token": semantic.text_pad_token,
        },
        "coarse_acoustics_config": {
            **_sampling(defaults.coarse),
            "coarse_infer_token": coarse.infer_token,
            "coarse_rate_hz": coarse.rate_hz,
            "coarse_semantic_pad_token": coarse.semantic_pad_token,
            "max_coarse_history": coarse.max_history_tokens,
            "max_coarse_input_length": coarse.max_semantic_tokens,
            "n_coarse_codebooks": coarse.n_codebooks,
            "sliding_window_len": coarse.window_steps,
        },
        "fine_acoustics_config": {
            "max_fine_history_length": fine.max_history_frames,
            "max_fine_input_length": fine.window_frames,
            "n_fine_codebooks": fine.n_codebooks,
            "temperature": defaults.fine.temperature,
        },
    }


def _utterances(defaults: SynthesisDefaults) -> dict[str, int]:
    """Our own field, where it says more than Bark's usual length."""
    if defaults.max_utterance_tokens == SynthesisDefaults().max_utterance_tokens:
        return {}
    return {"max_utterance_tokens": defaults.max_utterance_tokens}


def _sampling(params: SamplingParams) -> dict[str, object]:
    """Greedy is ``do_sample`` false there, as a temperature of 0 is not allowed."""
    if params.temperature == 0:
        return {"do_sample": False}
    content: dict[str, object] = {"do_sample": True, "temperature": params.temperature}
    if params.top_k is not None:
        content["top_k"] = params.top_k
    if params.top_p is not None:
        content["top_p"] = params.top_p
    return content

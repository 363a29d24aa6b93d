"""The reference pipeline: greedy Bark of the ``transformers`` package on random weights.

The one known difference from Suno's code under greedy decoding, the ids past the second codebook
that its coarse mask leaves open, is closed here with ``suppress_tokens``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import (
    BarkCoarseConfig,
    BarkFineConfig,
    BarkModel,
    BarkSemanticConfig,
    EncodecConfig,
)
from transformers import BarkConfig as HfBarkConfig
from transformers.models.bark.generation_configuration_bark import (
    BarkCoarseGenerationConfig,
    BarkFineGenerationConfig,
    BarkSemanticGenerationConfig,
)

from bark_core.config import BarkConfig, TransformerConfig
from bark_core.voices import Voice

IntArray = NDArray[np.int64]
StateDict = dict[str, torch.Tensor]

STAGE_PREFIXES = {
    "semantic": "semantic.",
    "coarse": "coarse_acoustics.",
    "fine": "fine_acoustics.",
    "codec": "codec_model.",
}


def make_random_hf_bark(config: BarkConfig, seed: int) -> Any:
    """A ``transformers.BarkModel`` of these sizes whose weights are lively enough for argmax.

    Every weight and bias is drawn, norms included, so that a swapped or forgotten one shows.
    """

    def submodel(size: TransformerConfig) -> dict[str, Any]:
        return {
            "num_layers": size.n_layer,
            "num_heads": size.n_head,
            "hidden_size": size.n_embd,
            "block_size": size.block_size,
            "input_vocab_size": size.input_vocab_size,
            "output_vocab_size": size.output_vocab_size,
            "bias": False,
        }

    codec = config.codec
    code_bits = (codec.codebook_size - 1).bit_length()
    hf_config = HfBarkConfig(
        semantic_config=BarkSemanticConfig(**submodel(config.semantic_model)),
        coarse_acoustics_config=BarkCoarseConfig(**submodel(config.coarse_model)),
        fine_acoustics_config=BarkFineConfig(
            **submodel(config.fine_model), n_codes_total=config.fine.n_codebooks, n_codes_given=1
        ),
        codec_config=EncodecConfig(
            sampling_rate=codec.sample_rate_hz,
            hidden_size=codec.hidden_size,
            num_filters=codec.n_filters,
            num_residual_layers=codec.n_residual_layers,
            upsampling_ratios=list(codec.upsampling_ratios),
            kernel_size=codec.kernel_size,
            last_kernel_size=codec.last_kernel_size,
            residual_kernel_size=codec.residual_kernel_size,
            dilation_growth_rate=codec.dilation_growth_rate,
            compress=codec.compress,
            num_lstm_layers=codec.n_lstm_layers,
            codebook_size=codec.codebook_size,
            # One codebook more than Bark reads, as in the published codec (32 for 8).
            target_bandwidths=[
                (config.fine.n_codebooks + 1) * codec.frame_rate_hz * code_bits / 1000
            ],
        ),
    )
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = BarkModel(hf_config).eval()  # type: ignore[no-untyped-call]
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            noise = torch.randn(tensor.shape, generator=generator)
            if name.startswith("codec_model."):
                # Around its own initial scale, with gains that make loud audio out of any codes.
                tensor.add_(0.1 * noise * (1 if tensor.ndim == 1 else tensor.abs().mean()))
                tensor.mul_(2.0 if name.endswith("original0") else 1.0)
            elif "layernorm" in name:
                tensor.copy_((1.0 if name.endswith("weight") else 0.0) + 0.3 * noise)
            elif "embeds" in name:
                tensor.copy_(noise)
            else:
                tensor.copy_(noise * 1.5 / tensor.shape[1] ** 0.5)
        for name, buffer in model.named_buffers():
            if name.endswith("codebook.embed"):
                buffer.copy_(torch.randn(buffer.shape, generator=generator))
    return model


def stage_state_dicts(hf_model: Any) -> dict[str, StateDict]:
    """The four stages' weights by their canonical names (see ``bark_core.weights``).

    Weight norm is folded, masks and the tied fine heads are dropped; of the codec only the decoder
    and the codebooks Bark reads are kept.
    """
    folded: StateDict = {}
    state: StateDict = hf_model.state_dict()
    for name, tensor in state.items():
        if name.endswith("parametrizations.weight.original0"):
            direction = state[name.removesuffix("0") + "1"]
            norm = direction.flatten(1).norm(dim=1).view(-1, *[1] * (direction.ndim - 1))
            plain = name.removesuffix("parametrizations.weight.original0") + "weight"
            folded[plain] = tensor * direction / norm
        elif not name.endswith("parametrizations.weight.original1"):
            folded[name] = tensor.clone()
    n_codebooks = hf_model.config.fine_acoustics_config.n_codes_total
    embeds = {f"quantizer.layers.{book}.codebook.embed" for book in range(n_codebooks)}

    def keep(stage: str, name: str) -> bool:
        if stage == "codec":
            return name.startswith("decoder.") or name in embeds
        return not name.endswith("attn.bias") and not name.startswith("lm_heads.")

    return {
        stage: {
            name.removeprefix(prefix): tensor
            for name, tensor in folded.items()
            if name.startswith(prefix) and keep(stage, name.removeprefix(prefix))
        }
        for stage, prefix in STAGE_PREFIXES.items()
    }


def semantic_generation_config(config: BarkConfig) -> Any:
    """The reference's settings for these token ids."""
    tokens = config.semantic
    return BarkSemanticGenerationConfig(  # type: ignore[no-untyped-call]
        eos_token_id=tokens.pad_token,
        max_new_tokens=tokens.max_new_tokens,
        do_sample=False,
        text_encoding_offset=tokens.text_offset,
        text_pad_token=tokens.text_pad_token,
        semantic_infer_token=tokens.infer_token,
        semantic_vocab_size=tokens.vocab_size,
        max_input_semantic_length=tokens.max_text_tokens,
        semantic_rate_hz=tokens.rate_hz,
    )


def coarse_generation_config(config: BarkConfig) -> Any:
    """The reference's settings, the ids past the last codebook closed as Suno's code does."""
    tokens = config.coarse
    end = config.semantic.vocab_size + tokens.n_codebooks * tokens.codebook_size
    return BarkCoarseGenerationConfig(
        do_sample=False,
        coarse_semantic_pad_token=tokens.semantic_pad_token,
        coarse_rate_hz=tokens.rate_hz,
        n_coarse_codebooks=tokens.n_codebooks,
        coarse_infer_token=tokens.infer_token,
        max_coarse_input_length=tokens.max_semantic_tokens,
        max_coarse_history=tokens.max_history_tokens,
        sliding_window_len=tokens.window_steps,
        suppress_tokens=list(range(end, config.coarse_model.output_vocab_size)) or None,
    )


def fine_generation_config(config: BarkConfig) -> Any:
    """The reference's settings; it strides by its history length."""
    tokens = config.fine
    assert tokens.max_history_frames == tokens.stride_frames
    return BarkFineGenerationConfig(  # type: ignore[no-untyped-call]
        temperature=1.0,  # means argmax there
        max_fine_history_length=tokens.max_history_frames,
        max_fine_input_length=tokens.window_frames,
        n_fine_codebooks=tokens.n_codebooks,
    )


def history_prompt(voice: Voice | None) -> dict[str, torch.Tensor] | None:
    """A voice as the reference takes it."""
    if voice is None:
        return None
    return {
        "semantic_prompt": torch.from_numpy(voice.semantic.copy()),
        "coarse_prompt": torch.from_numpy(voice.coarse.copy()),
        "fine_prompt": torch.from_numpy(voice.fine.copy()),
    }


def reference_semantic(
    hf_model: Any,
    config: BarkConfig,
    text_ids: tuple[int, ...],
    voice: Voice | None = None,
    *,
    min_eos_p: float | None = None,
    allow_early_stop: bool = True,
    max_new_tokens: int | None = None,
) -> tuple[int, ...]:
    """Greedy semantic tokens, the end token taken off.

    Args:
        hf_model: From ``make_random_hf_bark``.
        config: The same configuration.
        text_ids: WordPiece ids without offset or padding.
        voice: History prompt or None.
        min_eos_p: As in ``SynthesisOptions`` (the reference compares with ``>``).
        allow_early_stop: False makes ``max_new_tokens`` tokens.
        max_new_tokens: None means the configuration's own limit.
    """
    tokens = config.semantic
    pad = tokens.text_pad_token - tokens.text_offset
    ids = (*text_ids, *[pad] * tokens.max_text_tokens)[: tokens.max_text_tokens]
    limit = tokens.max_new_tokens if max_new_tokens is None else max_new_tokens
    settings = semantic_generation_config(config)
    settings.max_new_tokens = limit
    if not allow_early_stop:
        settings.min_new_tokens = limit  # suppress_tokens would be overridden by Bark's own
    with torch.no_grad():
        made = hf_model.semantic.generate(
            torch.tensor([ids]),
            semantic_generation_config=settings,
            history_prompt=history_prompt(voice),
            min_eos_p=min_eos_p,
        )[0].tolist()
    return tuple(made[:-1] if made and made[-1] == tokens.pad_token else made)


def reference_coarse(
    hf_model: Any, config: BarkConfig, semantic: tuple[int, ...], voice: Voice | None = None
) -> IntArray:
    """Greedy coarse codes of a whole utterance. [n_coarse, T]."""
    with torch.no_grad():
        flat = hf_model.coarse_acoustics.generate(
            torch.tensor([semantic], dtype=torch.int64),
            semantic_generation_config=semantic_generation_config(config),
            coarse_generation_config=coarse_generation_config(config),
            codebook_size=config.coarse.codebook_size,
            history_prompt=history_prompt(voice),
        )[0].numpy()
    codes = flat.reshape(-1, config.coarse.n_codebooks).T.astype(np.int64)
    offsets = np.arange(config.coarse.n_codebooks) * config.coarse.codebook_size
    return np.ascontiguousarray(codes - config.semantic.vocab_size - offsets[:, None])


def reference_fine(
    hf_model: Any, config: BarkConfig, coarse: IntArray, voice: Voice | None = None
) -> IntArray:
    """Greedy (argmax) codes of all codebooks for a whole utterance. [n_coarse, T] -> [K, T]."""
    offsets = np.arange(config.coarse.n_codebooks) * config.coarse.codebook_size
    flat = (coarse + offsets[:, None] + config.semantic.vocab_size).T.reshape(1, -1)
    with torch.no_grad():
        codes = hf_model.fine_acoustics.generate(
            torch.from_numpy(np.ascontiguousarray(flat)),
            semantic_generation_config=semantic_generation_config(config),
            coarse_generation_config=coarse_generation_config(config),
            fine_generation_config=fine_generation_config(config),
            codebook_size=config.fine.codebook_size,
            history_prompt=history_prompt(voice),
        )[0]
    return np.ascontiguousarray(codes.numpy().astype(np.int64))


def reference_decode(hf_model: Any, codes: IntArray) -> NDArray[np.float32]:
    """One-shot EnCodec decode of a whole utterance. [K, T] -> [N]."""
    with torch.no_grad():
        audio: NDArray[np.float32] = hf_model.codec_decode(torch.from_numpy(codes)[None])[0].numpy()
    return audio


def random_voice(
    config: BarkConfig, seed: int, *, n_semantic: int, n_frames: int | None = None
) -> Voice:
    """A history prompt of random codes; frames default to the ratio of the rates."""
    rng = np.random.default_rng(seed)
    if n_frames is None:
        n_frames = round(n_semantic * config.coarse.rate_hz / config.semantic.rate_hz)
    fine = rng.integers(0, config.fine.codebook_size, (config.fine.n_codebooks, n_frames))
    return Voice(
        semantic=rng.integers(0, config.semantic.vocab_size, n_semantic),
        coarse=fine[: config.coarse.n_codebooks].copy(),
        fine=fine,
    )

"""The tensors that each stage consists of, by canonical name, as a function of the config alone.

Canonical names are those of the ``transformers`` package's Bark without the stage's prefix; the
codec's weight norm is already folded into plain ``.weight``. The fine model's heads are its
embedding tables 1 to K-1 (suno-ai/bark ``bark/model_fine.py: FineGPT``), so they have no names.
"""

from __future__ import annotations

from bark_core.checkpoints import StageName
from bark_core.config import BarkConfig, CodecConfig, FineTokens, TransformerConfig, exact_div

Shapes = dict[str, tuple[int, ...]]


def stage_shapes(config: BarkConfig, stage: StageName) -> Shapes:
    """Name to shape of every tensor of a stage."""
    match stage:
        case "semantic":
            return _causal(config.semantic_model)
        case "coarse":
            return _causal(config.coarse_model)
        case "fine":
            return _fine(config.fine_model, config.fine)
        case "codec":
            return _codec(config.codec, config.fine.n_codebooks)


def _causal(model: TransformerConfig) -> Shapes:
    """A GPT without biases: embeddings, blocks, final norm, untied head."""
    return {
        "input_embeds_layer.weight": (model.input_vocab_size, model.n_embd),
        **_blocks(model, norm_bias=False),
        "lm_head.weight": (model.output_vocab_size, model.n_embd),
    }


def _fine(model: TransformerConfig, tokens: FineTokens) -> Shapes:
    """The bidirectional model: a table per code book, each but the first also a head."""
    tables = {
        f"input_embeds_layers.{k}.weight": (model.input_vocab_size, model.n_embd)
        for k in range(tokens.n_codebooks)
    }
    return {**tables, **_blocks(model, norm_bias=True)}


def _blocks(model: TransformerConfig, *, norm_bias: bool) -> Shapes:
    width = model.n_embd
    shapes: Shapes = {"position_embeds_layer.weight": (model.block_size, width)}

    def norm(name: str) -> None:
        shapes[f"{name}.weight"] = (width,)
        if norm_bias:
            shapes[f"{name}.bias"] = (width,)

    for index in range(model.n_layer):
        layer = f"layers.{index}"
        norm(f"{layer}.layernorm_1")
        norm(f"{layer}.layernorm_2")
        shapes[f"{layer}.attn.att_proj.weight"] = (3 * width, width)
        shapes[f"{layer}.attn.out_proj.weight"] = (width, width)
        shapes[f"{layer}.mlp.in_proj.weight"] = (4 * width, width)
        shapes[f"{layer}.mlp.out_proj.weight"] = (width, 4 * width)
    norm("layernorm_final")
    return shapes


def _codec(codec: CodecConfig, n_codebooks: int) -> Shapes:
    """Code books and the SEANet decoder (Défossez et al. 2022, arXiv:2210.13438, section 3.1)."""
    shapes: Shapes = {
        f"quantizer.layers.{k}.codebook.embed": (codec.codebook_size, codec.hidden_size)
        for k in range(n_codebooks)
    }

    def conv(
        name: str, inputs: int, outputs: int, kernel: int, *, transposed: bool = False
    ) -> None:
        channels = (inputs, outputs) if transposed else (outputs, inputs)
        shapes[f"{name}.conv.weight"] = (*channels, kernel)
        shapes[f"{name}.conv.bias"] = (outputs,)

    width = codec.n_filters * 2 ** len(codec.upsampling_ratios)
    conv("decoder.layers.0", codec.hidden_size, width, codec.kernel_size)
    for layer in range(codec.n_lstm_layers):
        for part in ("ih", "hh"):
            shapes[f"decoder.layers.1.lstm.weight_{part}_l{layer}"] = (4 * width, width)
            shapes[f"decoder.layers.1.lstm.bias_{part}_l{layer}"] = (4 * width,)
    index = 2
    for ratio in codec.upsampling_ratios:
        index += 1  # an ELU has no tensors but a number
        conv(f"decoder.layers.{index}", width, width // 2, 2 * ratio, transposed=True)
        width = exact_div(width, 2)
        for residual in range(codec.n_residual_layers):
            block = f"decoder.layers.{index + 1 + residual}"
            hidden = exact_div(width, codec.compress)
            conv(f"{block}.block.1", width, hidden, codec.residual_kernel_size)
            conv(f"{block}.block.3", hidden, width, 1)
            conv(f"{block}.shortcut", width, width, 1)
        index += 1 + codec.n_residual_layers
    conv(f"decoder.layers.{index + 1}", codec.n_filters, 1, codec.last_kernel_size)
    return shapes

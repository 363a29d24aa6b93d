"""A random Bark in bark.cpp's file format, in 16 bits as its own converter recommends.

The format is told in the docstring of bark.cpp's ``convert.py`` (github.com/PABannier/bark.cpp):
a magic number, the vocabulary, then for each of the three transformers its sizes and tensors, the
magic number again, and the codec's sizes and tensors until the end of the file. A tensor is its
number of dimensions, the length of its name, its type (0: float32, 1: float16), its dimensions
from the innermost on, its name and its data. All integers are little-endian 32 bits.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import BarkModel

MAGIC = 0x67676D6C  # "ggml"
F32, F16 = 0, 1
CODEC_BANDWIDTH = 24  # kbit/s: of all code books in the file, not of Bark's eight
DECODER_UPSAMPLERS = ("3", "6", "9", "12")

# Names of the transformers package -> names of bark.cpp, inside one transformer.
_NAMES = (
    (r"^layernorm_final\.", "model/ln_f/"),
    (r"^input_embeds_layer\.weight$", "model/wte/0"),
    (r"^input_embeds_layers\.(\d+)\.weight$", r"model/wte/\1"),
    (r"^position_embeds_layer\.weight$", "model/wpe"),
    (r"^lm_head\.weight$", "model/lm_head/0"),
    (r"^lm_heads\.(\d+)\.weight$", r"model/lm_head/\1"),
    (r"^layers\.(\d+)\.", r"model/h\1/"),
    (r"layernorm_(\d)\.", r"ln_\1/"),
    (r"(ln_\w)/weight$", r"\1/g"),
    (r"(ln_\w)/bias$", r"\1/b"),
    (r"attn\.att_proj\.weight$", "attn/c_attn/w"),
    (r"attn\.out_proj\.weight$", "attn/c_proj/w"),
    (r"mlp\.in_proj\.weight$", "mlp/c_fc/w"),
    (r"mlp\.out_proj\.weight$", "mlp/c_proj/w"),
)

StateDict = Mapping[str, torch.Tensor]


def write_bark_cpp(model: Path, out: Path) -> None:
    """Write ``out`` unless it is there already.

    Args:
        model: Directory of ``random_bark``.
        out: The file.
    """
    if out.exists():
        return
    bark = BarkModel.from_pretrained(model)
    state: StateDict = bark.state_dict()
    unfinished = out.with_suffix(".part")
    with unfinished.open("wb") as file:
        _put(file, MAGIC)
        _put_vocabulary(file, (model / "vocab.txt").read_text().splitlines())
        config = bark.config
        _put_transformer(file, state, "semantic.", config.semantic_config)
        _put_transformer(file, state, "coarse_acoustics.", config.coarse_acoustics_config)
        _put_transformer(file, state, "fine_acoustics.", config.fine_acoustics_config)
        _put(file, MAGIC)
        _put_codec(file, state, config.codec_config)
    unfinished.rename(out)


def _put(file: IO[bytes], *numbers: int) -> None:
    file.write(struct.pack(f"<{len(numbers)}i", *numbers))


def _put_vocabulary(file: IO[bytes], pieces: list[str]) -> None:
    _put(file, len(pieces))
    for piece in pieces:
        text = piece.encode()
        _put(file, len(text))
        file.write(text)


def _put_transformer(file: IO[bytes], state: StateDict, prefix: str, config: Any) -> None:
    heads = [name for name in state if name.startswith(f"{prefix}lm_head")]
    tables = [name for name in state if name.startswith(f"{prefix}input_embeds")]
    # "attn.bias" is the causal mask.
    names = [name for name in state if name.startswith(prefix) and not name.endswith("attn.bias")]
    # The flag asks for biases of the layer norms, which only the fine stage has.
    biases = any(name.endswith(".bias") for name in names)
    _put(file, config.num_layers, config.num_heads, config.hidden_size, config.block_size)
    _put(file, int(biases), config.input_vocab_size, config.output_vocab_size)
    _put(file, len(heads), len(tables), F16)
    _put(file, len(names))
    for name in names:
        tensor = np.squeeze(state[name].numpy())
        short = name.removeprefix(prefix)
        for pattern, replacement in _NAMES:
            short = re.sub(pattern, replacement, short)
        half = tensor.ndim == 2 and re.search(r"/w$|wte|lm_head", short) is not None
        _put_tensor(file, short, tensor, half=half)


def _put_codec(file: IO[bytes], state: StateDict, config: Any) -> None:
    _put(file, config.audio_channels, config.hidden_size, config.num_filters, config.kernel_size)
    _put(file, config.residual_kernel_size, config.codebook_size, CODEC_BANDWIDTH)
    _put(file, config.sampling_rate, F16)
    for name, tensor in _codec_tensors(state).items():
        _put_tensor(file, name, tensor, half="weight" in name)


def _codec_tensors(state: StateDict) -> dict[str, NDArray[np.float32]]:
    """By EnCodec's own names; weight normalisation is multiplied out."""
    prefix, normed = "codec_model.", ".parametrizations.weight.original"
    tensors: dict[str, NDArray[np.float32]] = {}
    for name in (name.removeprefix(prefix) for name in state if name.startswith(prefix)):
        tensor = state[prefix + name]
        if name.endswith((f"{normed}0", "inited", "cluster_size", "embed_avg")):
            continue
        if name.endswith(f"{normed}1"):
            base = name.removesuffix(f"{normed}1")
            scale = state[f"{prefix}{base}{normed}0"]
            # Kernels keep dimensions of size one.
            tensors[_encodec_name(f"{base}.weight")] = torch._weight_norm(  # noqa: SLF001
                tensor, scale, dim=0
            ).numpy()
        else:
            tensors[_encodec_name(name)] = np.squeeze(tensor.numpy())
    return tensors


def _encodec_name(name: str) -> str:
    if name.startswith("quantizer."):
        return re.sub(r"\.layers\.(\d+)\.codebook\.", r".vq.layers.\1._codebook.", name)
    head = name.replace("coder.layers.", "coder.model.")
    if ".lstm." in name:
        return head
    upsampler = re.match(rf"decoder\.model\.({'|'.join(DECODER_UPSAMPLERS)})\.conv\.", head)
    inner = ".convtr.convtr." if upsampler else ".conv.conv."
    before, _, after = head.rpartition(".conv.")
    return before + inner + after


def _put_tensor(file: IO[bytes], name: str, tensor: NDArray[Any], *, half: bool) -> None:
    text = name.encode()
    _put(file, tensor.ndim, len(text), F16 if half else F32)
    _put(file, *reversed(tensor.shape))
    file.write(text)
    file.write(np.ascontiguousarray(tensor, np.float16 if half else np.float32).tobytes())

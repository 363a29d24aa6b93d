"""Canonical names for the tensors of every format, and which tensors are left aside.

Left aside, by name: causal masks, EnCodec's encoder, statistics of its training and code books
beyond those that Bark uses. Everything else must be a known tensor.

Names: suno-ai/bark ``bark/model.py`` and ``model_fine.py``; facebookresearch/encodec
``encodec/modules/seanet.py``; the ``transformers`` package's Bark and EnCodec.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from bark_core.checkpoints import StageName
from bark_core.weights.stored import StoredTensors

PREFIXES: Mapping[StageName, str] = {
    "semantic": "semantic.",
    "coarse": "coarse_acoustics.",
    "fine": "fine_acoustics.",
    "codec": "codec_model.",
}

_MASK = re.compile(r"layers\.\d+\.attn\.bias")
_CODEC_ENCODER = re.compile(r"encoder\..+")
_CODEBOOK = re.compile(r"quantizer\.layers\.(\d+)\.codebook\.(\w+)")
_TRAINING_STATISTICS = frozenset({"inited", "cluster_size", "embed_avg"})

_SUNO_COMPILED = "_orig_mod."
_SUNO_PARTS = {
    "wte": "input_embeds_layer",
    "wtes": "input_embeds_layers",
    "wpe": "position_embeds_layer",
    "h": "layers",
    "ln_1": "layernorm_1",
    "ln_2": "layernorm_2",
    "ln_f": "layernorm_final",
    "c_attn": "att_proj",
    "c_fc": "in_proj",
    "c_proj": "out_proj",
}


def is_left_aside(stage: StageName, name: str, n_codebooks: int) -> bool:
    """True for a tensor, by canonical name, that belongs to the format but is not needed."""
    if stage != "codec":
        return _MASK.fullmatch(name) is not None
    if _CODEC_ENCODER.fullmatch(name):
        return True
    book = _CODEBOOK.fullmatch(name)
    return book is not None and (int(book[1]) >= n_codebooks or book[2] in _TRAINING_STATISTICS)


def from_suno(name: str) -> str:
    """Canonical name of a tensor in ``text.pt``, ``coarse.pt`` or ``fine.pt``."""
    parts = name.removeprefix(_SUNO_COMPILED).removeprefix("transformer.").split(".")
    return ".".join(_SUNO_PARTS.get(part, part) for part in parts)


def from_encodec(name: str) -> str:
    """Canonical name of a tensor in EnCodec's own file."""
    name = re.sub(r"^(encoder|decoder)\.model\.", r"\1.layers.", name)
    name = name.replace(".convtr.convtr.", ".conv.").replace(".conv.conv.", ".conv.")
    return name.replace("quantizer.vq.layers.", "quantizer.layers.").replace(
        "._codebook.", ".codebook."
    )


def renamed(tensors: StoredTensors, rename: Callable[[str], str]) -> StoredTensors:
    """The same tensors under other names."""
    return {rename(name): tensor for name, tensor in tensors.items()}

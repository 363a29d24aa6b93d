"""Checkpoint directories in both formats, made from random models of the ``transformers`` package.

Suno's layout is emulated: a checkpoint as the trainer wrote it, with everything that a reader has
to cope with (prefixes of a compiled model, masks, a numpy scalar, the optimiser's state).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bark_core.checkpoints import SynthesisDefaults
from bark_core.checkpoints.hf_export import write_config
from bark_core.config import BarkConfig
from tests.support.reference import STAGE_PREFIXES, StateDict

VOCABULARY = (
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
    *("hel", "##lo", "world", ".", ",", "a", "##a", "b", "##b"),
)

_TO_SUNO = (
    (r"^input_embeds_layers\.", "transformer.wtes."),
    (r"^input_embeds_layer\.", "transformer.wte."),
    (r"^position_embeds_layer\.", "transformer.wpe."),
    (r"^layers\.", "transformer.h."),
    (r"^layernorm_final\.", "transformer.ln_f."),
    (r"\.layernorm_", ".ln_"),
    (r"\.att_proj\.", ".c_attn."),
    (r"\.out_proj\.", ".c_proj."),
    (r"\.in_proj\.", ".c_fc."),
)


def write_tokenizer(directory: Path) -> None:
    """A vocabulary of a few pieces."""
    (directory / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")


def write_hf_directory(
    directory: Path, model: Any, config: BarkConfig, *, safetensors: bool
) -> None:
    """What the converted checkpoints on the hub look like."""
    directory.mkdir(parents=True, exist_ok=True)
    write_config(directory, config, SynthesisDefaults())
    if safetensors:
        model.save_pretrained(directory)  # its own config.json replaces ours
        write_generation_config(directory, config)
    else:
        model.config.save_pretrained(directory)
        torch.save(model.state_dict(), directory / "pytorch_model.bin")
    write_tokenizer(directory)


def write_generation_config(directory: Path, config: BarkConfig) -> None:
    """``generation_config.json`` alone."""
    kept = (directory / "config.json").read_bytes()
    write_config(directory, config, SynthesisDefaults())
    (directory / "config.json").write_bytes(kept)


def write_suno_directory(directory: Path, model: Any, *, suffix: str = "") -> None:
    """``text.pt``, ``coarse.pt``, ``fine.pt`` and EnCodec's file."""
    directory.mkdir(parents=True, exist_ok=True)
    state: StateDict = model.state_dict()
    for stage, stem, sub in (
        ("semantic", "text", model.config.semantic_config),
        ("coarse", "coarse", model.config.coarse_acoustics_config),
        ("fine", "fine", model.config.fine_acoustics_config),
    ):
        prefix = STAGE_PREFIXES[stage]
        tensors = {
            f"_orig_mod.{to_suno(name.removeprefix(prefix))}": tensor
            for name, tensor in state.items()
            if name.startswith(prefix)
        }
        arguments: dict[str, Any] = {
            "n_layer": sub.num_layers,
            "n_head": sub.num_heads,
            "n_embd": sub.hidden_size,
            "block_size": sub.block_size,
            "bias": False,
            "dropout": 0.0,
        }
        if stage == "fine":
            arguments |= {"n_codes_total": 8, "n_codes_given": 1}
        if sub.input_vocab_size == sub.output_vocab_size:
            arguments["vocab_size"] = sub.input_vocab_size
        else:
            arguments["input_vocab_size"] = sub.input_vocab_size
            arguments["output_vocab_size"] = sub.output_vocab_size
        torch.save(
            {
                "model": tensors,
                "optimizer": {"state": {0: {"step": torch.tensor(3.0)}}, "lr": 1e-4},
                "model_args": arguments,
                "iter_num": 1000,
                "best_val_loss": np.float64(2.5),
                "config": {"out_dir": "out", "compile": True, "ratio": (1, 2)},
            },
            directory / f"{stem}{suffix}.pt",
        )
    torch.save(
        {
            to_encodec(name.removeprefix("codec_model.")): tensor
            for name, tensor in state.items()
            if name.startswith("codec_model.")
        },
        directory / "encodec_24khz-d7cc33bc.th",
    )
    write_tokenizer(directory)


def to_suno(name: str) -> str:
    """Name in Suno's files of a tensor of the ``transformers`` package."""
    for pattern, replacement in _TO_SUNO:
        name = re.sub(pattern, replacement, name)
    return name


def to_encodec(name: str) -> str:
    """Name in EnCodec's file of a tensor of the ``transformers`` package."""
    name = name.replace("parametrizations.weight.original0", "weight_g")
    name = name.replace("parametrizations.weight.original1", "weight_v")
    name = re.sub(r"^quantizer\.layers\.(\d+)\.codebook", r"quantizer.vq.layers.\1._codebook", name)
    if not name.startswith("quantizer") and ".lstm." not in name:
        transposed = re.match(r"decoder\.layers\.(3|6|9|12)\.conv", name)
        inner = ".convtr.convtr." if transposed else ".conv.conv."
        head, tail = name.rsplit(".conv.", 1)
        name = head + inner + tail
    return name.replace("coder.layers.", "coder.model.")

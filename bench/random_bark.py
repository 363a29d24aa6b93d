"""A model of bark-small's size with random weights, as a Hugging Face directory.

Speed does not depend on what the weights say, so random ones of the right shapes measure what the
published ones would cost, without a download.
"""

from __future__ import annotations

import json
import string
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import BarkConfig, BarkModel
from transformers.models.bark import BarkCoarseConfig, BarkFineConfig, BarkSemanticConfig
from transformers.models.bark.generation_configuration_bark import (
    BarkCoarseGenerationConfig,
    BarkFineGenerationConfig,
    BarkGenerationConfig,
    BarkSemanticGenerationConfig,
)
from transformers.models.encodec import EncodecConfig


@dataclass(frozen=True, slots=True)
class Size:
    """Layers, heads and width of all three transformers."""

    layers: int
    heads: int
    width: int


# "tiny" shows that the benchmark runs; its figures mean nothing.
SIZES = {"tiny": Size(1, 2, 32), "small": Size(12, 12, 768), "large": Size(24, 16, 1024)}


def write_random_bark(directory: Path, size: Size, seed: int = 0) -> None:
    """Write ``directory`` unless it is complete already (1.8 GB for the small size)."""
    if (directory / "complete").exists():
        return
    torch.manual_seed(seed)
    shape: dict[str, Any] = {
        "num_layers": size.layers,
        "num_heads": size.heads,
        "hidden_size": size.width,
    }
    config = BarkConfig(
        semantic_config=BarkSemanticConfig(
            input_vocab_size=129_600, output_vocab_size=10_048, bias=False, **shape
        ).to_dict(),
        coarse_acoustics_config=BarkCoarseConfig(
            input_vocab_size=12_096, output_vocab_size=12_096, bias=False, **shape
        ).to_dict(),
        fine_acoustics_config=BarkFineConfig(
            input_vocab_size=1_056, output_vocab_size=1_056, bias=False, **shape
        ).to_dict(),
        codec_config=EncodecConfig().to_dict(),
    )
    model = BarkModel(config).eval()
    directory.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(directory)
    # The sampling settings of the published generation_config.json.
    generation = BarkGenerationConfig.from_sub_model_configs(
        BarkSemanticGenerationConfig(do_sample=True, temperature=0.7, top_k=50),
        BarkCoarseGenerationConfig(do_sample=True, temperature=0.7, top_k=50),
        BarkFineGenerationConfig(temperature=0.5),
    )
    (directory / "generation_config.json").write_text(json.dumps(generation.to_dict(), indent=2))
    # Token ids are given by the benchmark; a checkpoint must have a tokenizer all the same.
    special = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
    pieces = [start + letter for letter in string.ascii_lowercase for start in ("", "##")]
    (directory / "vocab.txt").write_text("\n".join((*special, *pieces)) + "\n")
    (directory / "complete").touch()

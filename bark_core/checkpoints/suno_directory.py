"""Opens a directory with Suno's own files.

Names and layout: suno-ai/bark ``bark/generation.py`` (``REMOTE_MODEL_PATHS``, ``_load_model``);
``text_2.pt``, ``coarse_2.pt`` and ``fine_2.pt`` are the large models, those without ``_2`` the
small ones. EnCodec's file is that of facebookresearch/encodec ``encodec/model.py``, which
``torch.hub`` keeps in its own cache.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

from bark_core.checkpoints.checkpoint import Checkpoint, SunoWeights, SynthesisDefaults
from bark_core.checkpoints.consistency import check_token_ids
from bark_core.checkpoints.hf_directory import find_tokenizer, usual_voice
from bark_core.checkpoints.json_file import Fields
from bark_core.checkpoints.pickle_outline import read_outline
from bark_core.config import SMALL, FineTokens, TransformerConfig, published
from bark_core.errors import CheckpointError

TransformerStage = Literal["semantic", "coarse", "fine"]
STEMS: Mapping[TransformerStage, str] = {"semantic": "text", "coarse": "coarse", "fine": "fine"}
LARGE_SUFFIX = "_2"
CODEC_FILE = "encodec_24khz-d7cc33bc.th"
_MAX_LAYERS = 256
_MAX_WIDTH = 65_536


def is_suno(directory: Path) -> bool:
    """True where at least one of Suno's files lies."""
    return any(_candidates(directory, stage) for stage in STEMS)


def open_suno(
    directory: Path, name: str, *, small: Collection[TransformerStage] | None = None
) -> Checkpoint:
    """Understand a directory; loads no weights.

    Args:
        directory: Holds ``text.pt`` and so on, and a tokenizer file.
        name: Name for people.
        small: Stages whose small model is wanted; None takes the large one where both lie there.

    Raises:
        CheckpointError: A file is missing, damaged, unsafe or declares impossible sizes.
    """
    paths = {stage: _find(directory, stage, small) for stage in STEMS}
    usual = published(name, SMALL)
    config = replace(
        usual,
        semantic_model=_read_size(paths["semantic"], usual.semantic_model),
        coarse_model=_read_size(paths["coarse"], usual.coarse_model),
        fine_model=_read_size(paths["fine"], usual.fine_model, usual.fine),
    )
    check_token_ids(config)
    return Checkpoint(
        name=name,
        config=config,
        defaults=SynthesisDefaults(),
        default_voice=usual_voice(directory),
        weights=SunoWeights(codec=find_codec(directory), **paths),
        tokenizer_file=find_tokenizer(directory),
        voice_root=directory,
    )


def _candidates(directory: Path, stage: TransformerStage) -> dict[bool, Path]:
    """Files that are there, by "is small"."""
    paths = {
        False: directory / f"{STEMS[stage]}{LARGE_SUFFIX}.pt",
        True: directory / f"{STEMS[stage]}.pt",
    }
    return {is_small: path for is_small, path in paths.items() if path.is_file()}


def _find(
    directory: Path, stage: TransformerStage, small: Collection[TransformerStage] | None
) -> Path:
    found = _candidates(directory, stage)
    if small is not None:
        found = {is_small: path for is_small, path in found.items() if is_small == (stage in small)}
    if not found:
        raise CheckpointError(
            f"{directory} lacks the {stage} model: {STEMS[stage]}.pt (small) or "
            f"{STEMS[stage]}{LARGE_SUFFIX}.pt (large) of suno/bark"
        )
    return found.get(False) or found[True]


def find_codec(directory: Path) -> Path:
    """EnCodec's weights beside the models or where ``torch.hub`` keeps downloads.

    Raises:
        CheckpointError: In none of the places.
    """
    places = [directory, torch_hub_checkpoints()]
    for place in places:
        if (place / CODEC_FILE).is_file():
            return place / CODEC_FILE
    raise CheckpointError(
        f"EnCodec's weights {CODEC_FILE} are neither in {places[0]} nor in {places[1]}; fetch them "
        f"from https://dl.fbaipublicfiles.com/encodec/v0/{CODEC_FILE}"
    )


def torch_hub_checkpoints() -> Path:
    """Where ``torch.hub`` keeps downloads (``torch.hub.get_dir``)."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    home = os.environ.get("TORCH_HOME") or str(Path(cache) / "torch")
    return Path(home).expanduser() / "hub" / "checkpoints"


def suno_cache() -> Path:
    """Where Suno's own package keeps its downloads."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "suno" / "bark_v0"


def _read_size(
    path: Path, usual: TransformerConfig, fine: FineTokens | None = None
) -> TransformerConfig:
    """Sizes that a file declares of itself in ``model_args``."""
    outline = read_outline(path)
    arguments = outline.get("model_args") if isinstance(outline, dict) else None
    if not isinstance(arguments, dict):
        raise CheckpointError(f"{path} declares no model_args: this is not a file of Suno's Bark")
    fields = Fields(f"{path.name}: model_args", arguments)
    fields.must_be("bias", wanted=False, reason="Bark's linear layers have no biases")
    if fine is not None:
        fields.must_be("n_codes_total", fine.n_codebooks, "Bark's codec has eight code books")
        fields.must_be("n_codes_given", 1, "Bark's fine model has a head for all but one")
    # Early files have one size for both vocabularies.
    input_size = fields.integer("vocab_size", usual.input_vocab_size)
    output_size = fields.integer("vocab_size", usual.output_vocab_size)
    return TransformerConfig(
        n_layer=fields.integer("n_layer", usual.n_layer, high=_MAX_LAYERS),
        n_head=fields.integer("n_head", usual.n_head, high=_MAX_WIDTH),
        n_embd=fields.integer("n_embd", usual.n_embd, high=_MAX_WIDTH),
        block_size=fields.integer("block_size", usual.block_size, high=_MAX_WIDTH),
        input_vocab_size=fields.integer("input_vocab_size", input_size),
        output_vocab_size=fields.integer("output_vocab_size", output_size),
    )

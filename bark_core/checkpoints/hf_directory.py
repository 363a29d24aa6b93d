"""Opens a directory in the Hugging Face layout of Bark."""

from __future__ import annotations

from pathlib import Path

from bark_core.checkpoints.checkpoint import Checkpoint, HuggingFaceWeights
from bark_core.checkpoints.consistency import check_token_ids
from bark_core.checkpoints.hf_config import parse_config
from bark_core.checkpoints.hf_defaults import parse_defaults
from bark_core.checkpoints.json_file import Fields, read_object
from bark_core.errors import CheckpointError
from bark_core.voices.directories import find_voices

CONFIG_FILE = "config.json"
GENERATION_FILE = "generation_config.json"
TOKENIZER_FILES = ("tokenizer.json", "vocab.txt")
WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")  # the first found is read
INDEX_SUFFIX = ".index.json"
MAX_SHARDS = 256
USUAL_VOICE = "v2/en_speaker_6"  # the one that most of Bark's published examples use


def is_hugging_face(directory: Path) -> bool:
    """True where the directory declares itself by a ``config.json``."""
    return (directory / CONFIG_FILE).is_file()


def open_hugging_face(directory: Path, name: str, notice: str = "") -> Checkpoint:
    """Understand a directory; loads no weights.

    Raises:
        CheckpointError: A file is missing or damaged, or fields contradict each other.
    """
    config_fields = Fields(CONFIG_FILE, read_object(directory / CONFIG_FILE))
    generation_path = directory / GENERATION_FILE
    generation = read_object(generation_path) if generation_path.is_file() else {}
    generation_fields = Fields(GENERATION_FILE, generation)
    config = parse_config(name, config_fields, generation_fields)
    check_token_ids(config)
    return Checkpoint(
        name=name,
        config=config,
        defaults=parse_defaults(generation_fields),
        default_voice=usual_voice(directory),
        weights=HuggingFaceWeights(find_weights(directory)),
        tokenizer_file=find_tokenizer(directory),
        voice_root=directory,
        notice=notice,
    )


def find_weights(directory: Path) -> tuple[Path, ...]:
    """The file, or the shards, that hold the tensors.

    Raises:
        CheckpointError: None, or not all of the shards that the index names.
    """
    for name in WEIGHT_FILES:
        if (directory / name).is_file():
            return (directory / name,)
        index = directory / (name + INDEX_SUFFIX)
        if index.is_file():
            return _shards(index)
    raise CheckpointError(
        f"{directory} holds no weights: neither {' nor '.join(WEIGHT_FILES)} nor an index of shards"
    )


def _shards(index: Path) -> tuple[Path, ...]:
    names = shard_names(index)
    missing = [name for name in names if not (index.parent / name).is_file()]
    if missing:
        raise CheckpointError(
            f"{index.parent} lacks {len(missing)} of {len(names)} shards, such as {missing[0]}; "
            "fetch the checkpoint again"
        )
    return tuple(index.parent / name for name in names)


def shard_names(index: Path) -> tuple[str, ...]:
    """File names of all shards that an index lists, sorted.

    Raises:
        CheckpointError: The index is damaged or names files elsewhere.
    """
    weight_map = read_object(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise CheckpointError(f"{index}: weight_map must name a file for every tensor")
    names = set(weight_map.values())
    if len(names) > MAX_SHARDS or not all(
        isinstance(name, str) and Path(name).name == name and name not in ("", ".", "..")
        for name in names
    ):
        raise CheckpointError(
            f"{index}: weight_map must name at most {MAX_SHARDS} files beside the index"
        )
    return tuple(sorted(names))


def find_tokenizer(directory: Path) -> Path:
    """``tokenizer.json`` or ``vocab.txt``.

    Raises:
        CheckpointError: Neither is there.
    """
    for name in TOKENIZER_FILES:
        if (directory / name).is_file():
            return directory / name
    raise CheckpointError(
        f"{directory} holds no tokenizer: put tokenizer.json or vocab.txt of "
        "bert-base-multilingual-cased beside the weights"
    )


def usual_voice(voice_root: Path) -> str | None:
    """The voice for callers that name none: the usual one, else the first, else none."""
    names = list(find_voices(voice_root))
    if USUAL_VOICE in names:
        return USUAL_VOICE
    return names[0] if names else None

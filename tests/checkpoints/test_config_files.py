"""What config files declare, leave out, and contradict."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bark_core.checkpoints import SynthesisDefaults, open_checkpoint
from bark_core.checkpoints.hf_config import parse_config
from bark_core.checkpoints.hf_defaults import parse_defaults
from bark_core.checkpoints.hf_export import config_json, generation_json
from bark_core.checkpoints.json_file import Fields
from bark_core.config import LARGE, SMALL, BarkConfig, TransformerConfig, published
from bark_core.errors import CheckpointError
from bark_core.options import SamplingParams
from tests.support.checkpoint_files import VOCABULARY

Change = dict[str, Any]


def parse(config: Change, generation: Change) -> BarkConfig:
    return parse_config(
        "name", Fields("config.json", config), Fields("generation_config.json", generation)
    )


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_published_sizes_round_trip(size: TransformerConfig) -> None:
    config = published("name", size)
    defaults = SynthesisDefaults()
    assert parse(config_json(config), generation_json(config, defaults)) == config


def test_tiny_config_round_trips_with_its_defaults(config: BarkConfig) -> None:
    defaults = SynthesisDefaults(
        semantic=SamplingParams(temperature=0.6, top_k=30),
        coarse=SamplingParams(temperature=0, top_k=None, top_p=None),
        fine=SamplingParams(temperature=0.4),
        min_eos_p=None,
    )
    generation = generation_json(config, defaults)
    assert parse(config_json(config), generation) == replace(config, name="name")
    assert parse_defaults(Fields("generation_config.json", generation)) == defaults


def test_absent_fields_have_their_published_values() -> None:
    assert parse({}, {}) == published("name", SMALL)
    assert parse({"semantic_config": None}, {"coarse_acoustics_config": {}}) == published(
        "name", SMALL
    )


def test_sampling_of_the_published_files_is_sunos() -> None:
    """The hub's files carry top_k 50 of an old library version, which Suno never had."""
    generation = {
        "semantic_config": {"do_sample": True, "temperature": 0.7, "top_k": 50, "top_p": 1.0},
        "coarse_acoustics_config": {"do_sample": True, "temperature": 0.7, "top_k": 50},
        "fine_acoustics_config": {"temperature": 0.5},
    }
    assert parse_defaults(Fields("generation_config.json", generation)) == SynthesisDefaults()


@pytest.mark.parametrize(
    ("config_change", "generation_change", "message"),
    [
        ({"model_type": "gpt2"}, {}, "model_type is 'gpt2'"),
        ({"semantic_config": {"bias": True}}, {}, "semantic_config.bias is"),
        ({"semantic_config": {"num_layers": 0}}, {}, "semantic_config.num_layers must be"),
        ({"semantic_config": {"num_layers": "12"}}, {}, "semantic_config.num_layers must be"),
        ({"semantic_config": {"num_layers": True}}, {}, "semantic_config.num_layers must be"),
        ({"semantic_config": {"num_layers": 10**9}}, {}, "semantic_config.num_layers must be"),
        ({"semantic_config": []}, {}, "semantic_config must be an object"),
        ({"codec_config": {"use_causal_conv": False}}, {}, "codec_config.use_causal_conv is"),
        ({"codec_config": {"audio_channels": 2}}, {}, "codec_config.audio_channels is 2"),
        ({"codec_config": {"codebook_dim": 7}}, {}, "codec_config.codebook_dim is 7"),
        ({"codec_config": {"upsampling_ratios": [8, 0]}}, {}, "upsampling_ratios must list"),
        ({"codec_config": {"upsampling_ratios": []}}, {}, "upsampling_ratios must list"),
        ({"fine_acoustics_config": {"n_codes_given": 2}}, {}, "n_codes_given is 2"),
        (
            {"fine_acoustics_config": {"n_codes_total": 4}},
            {"fine_acoustics_config": {"n_fine_codebooks": 8}},
            "n_fine_codebooks is 8 but .*n_codes_total is 4",
        ),
        ({}, {"codebook_size": 512}, "codebook_size is 512 but .*codec_config.codebook_size"),
        ({}, {"sample_rate": 48_000}, "sample_rate is 48000 but .*sampling_rate is 24000"),
        ({}, {"semantic_config": {"semantic_pad_token": 9}}, "semantic_pad_token is 9 but"),
        ({}, {"semantic_config": {"semantic_rate_hz": float("nan")}}, "semantic_rate_hz must be"),
        ({}, {"coarse_acoustics_config": {"coarse_rate_hz": 50}}, "coarse rate 50 Hz differs"),
        (
            {},
            {"fine_acoustics_config": {"max_fine_history_length": 900}},
            "max_fine_history_length 900 is not half of max_fine_input_length 1024",
        ),
        ({}, {"semantic_config": {"max_new_tokens": 2000}}, "semantic stage needs .* block_size"),
    ],
)  # fmt: skip
def test_contradictions_name_the_field(
    config_change: Change, generation_change: Change, message: str
) -> None:
    with pytest.raises(CheckpointError, match=message):
        parse(config_change, generation_change)


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("config.json", {"semantic_config": {"num_heads": 3}}, "16 is not a multiple of 3"),
        ("config.json", {"semantic_config": {"input_vocab_size": 80}}, "text_pad_token is"),
        ("config.json", {"semantic_config": {"output_vocab_size": 64}}, "eos_token_id is 64"),
        ("config.json", {"coarse_acoustics_config": {"output_vocab_size": 90}}, "coarse code"),
        ("config.json", {"fine_acoustics_config": {"output_vocab_size": 30}}, "fine input_vocab"),
        (
            "generation_config.json",
            {"coarse_acoustics_config": {"coarse_infer_token": 4000}},
            "coarse_infer_token is 4000",
        ),
        (
            "generation_config.json",
            {"semantic_config": {"temperature": -1}},
            "semantic_config.temperature must be",
        ),
    ],
)
def test_ids_must_fit_the_tables(
    file: str, change: dict[str, Change], message: str, safetensors_directory: Path, tmp_path: Path
) -> None:
    directory = linked(safetensors_directory, tmp_path)
    content = json.loads((directory / file).read_text())
    for section, fields in change.items():
        content[section] |= fields
    (directory / file).unlink()
    (directory / file).write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match=message):
        open_checkpoint(str(directory))


@pytest.mark.parametrize("content", ["", "[]", "{", '{"a": 1e', "[" * 100_000])
def test_broken_json(content: str, safetensors_directory: Path, tmp_path: Path) -> None:
    directory = linked(safetensors_directory, tmp_path)
    (directory / "config.json").unlink()
    (directory / "config.json").write_text(content)
    with pytest.raises(CheckpointError, match=r"config\.json"):
        open_checkpoint(str(directory))


@pytest.mark.parametrize(
    ("missing", "message"),
    [("model.safetensors", "holds no weights"), ("vocab.txt", "holds no tokenizer")],
)
def test_missing_files(
    missing: str, message: str, safetensors_directory: Path, tmp_path: Path
) -> None:
    directory = linked(safetensors_directory, tmp_path)
    (directory / missing).unlink()
    with pytest.raises(CheckpointError, match=message):
        open_checkpoint(str(directory))


def test_a_tokenizer_of_another_model_is_refused(
    safetensors_directory: Path, tmp_path: Path
) -> None:
    directory = linked(safetensors_directory, tmp_path)
    (directory / "vocab.txt").unlink()
    (directory / "vocab.txt").write_text("\n".join(["[UNK]", *map(str, range(100))]))
    with pytest.raises(CheckpointError, match="has 101 pieces but the semantic stage has room"):
        open_checkpoint(str(directory)).tokenizer()


def test_a_lexicon_beside_the_tokenizer_is_used(
    safetensors_directory: Path, tmp_path: Path
) -> None:
    directory = linked(safetensors_directory, tmp_path)
    plain = open_checkpoint(str(directory)).tokenizer()
    (directory / "lexicon.tsv").write_text(f"dog\t{VOCABULARY[-1]}\n", "utf-8")
    with_sounds = open_checkpoint(str(directory)).tokenizer()
    assert with_sounds.vocab_size == plain.vocab_size
    assert with_sounds.encode("Dog") == plain.encode(VOCABULARY[-1]) != plain.encode("Dog")
    (directory / "lexicon.tsv").write_text("dog\n", "utf-8")
    with pytest.raises(CheckpointError, match="line 1: needs a word"):
        open_checkpoint(str(directory)).tokenizer()


@pytest.mark.parametrize("spec", ["nowhere", "./a/b/c", "", "/does/not/exist"])
def test_unknown_specification(spec: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match=r"no checkpoint|no Bark checkpoint"):
        open_checkpoint(spec)


def linked(directory: Path, tmp_path: Path) -> Path:
    """A directory of links to the files of another."""
    copy = tmp_path / directory.name
    copy.mkdir()
    for path in directory.iterdir():
        (copy / path.name).symlink_to(path)
    return copy

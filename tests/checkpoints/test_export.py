"""What a trainer writes, the ordinary loader reads; the golden model is what its tool makes."""

from __future__ import annotations

import filecmp
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bark_core.checkpoints import STAGES, StageName, SynthesisDefaults, open_checkpoint
from bark_core.config import BarkConfig
from bark_core.options import SamplingParams
from bark_core.weights import StateDict, load_stage
from bark_core.weights.export import StorageType, write_checkpoint
from bark_core.weights.noise import random_stage
from tests.support.checkpoint_files import write_tokenizer
from tests.support.reference import random_voice
from tests.support.tiny import tiny_config
from tools.make_golden import DIRECTORY, golden_config, make


@pytest.mark.parametrize(
    ("storage", "tolerance"), [("float32", 0.0), ("float16", 1e-3), ("int8", 0.5 / 127)]
)
def test_storage_types(storage: StorageType, tolerance: float, tmp_path: Path) -> None:
    config = tiny_config()
    stages: dict[StageName, StateDict] = {stage: random_stage(config, stage, 3) for stage in STAGES}
    defaults = SynthesisDefaults(
        semantic=SamplingParams(temperature=0.55, top_k=20),
        coarse=SamplingParams(temperature=0.6, top_p=0.9),
        fine=SamplingParams(temperature=0.3),
        min_eos_p=0.1,
        max_utterance_tokens=90,
    )
    voice = random_voice(config, 1, n_semantic=40)
    directory = tmp_path / "out"
    write_checkpoint(directory, config, defaults, stages, {"first": voice}, storage=storage)
    write_tokenizer(directory)
    checkpoint = open_checkpoint(str(directory))
    assert replace(checkpoint.config, name=config.name) == config
    assert checkpoint.defaults == defaults
    assert checkpoint.default_voice == "first"
    assert (checkpoint.voices().get("first").fine == voice.fine).all()
    for stage in STAGES:
        loaded = load_stage(checkpoint, stage)
        assert loaded.keys() == stages[stage].keys()
        for name, wanted in stages[stage].items():
            # An int8 step is a 127th of the largest value of its row; float16 is finer.
            rows = 1 if wanted.ndim == 1 else wanted.shape[0]
            error = np.abs(loaded[name] - wanted).reshape(rows, -1)
            bound = np.abs(wanted).reshape(rows, -1).max(-1, keepdims=True)
            assert (error <= bound * tolerance * 1.01).all(), name
    sizes = {"float32": 4, "float16": 2, "int8": 1}
    total = sum(t.size for state in stages.values() for t in state.values())
    assert (directory / "model.safetensors").stat().st_size < total * sizes[storage] * 1.3 + 30_000


def test_golden_files_are_what_the_tool_makes(tmp_path: Path) -> None:
    make(tmp_path)
    for path in sorted(p for p in tmp_path.rglob("*") if p.is_file()):
        committed = DIRECTORY / path.relative_to(tmp_path)
        assert filecmp.cmp(path, committed, shallow=False), f"{committed.name} differs"


def test_golden_checkpoint_is_whole_and_small() -> None:
    checkpoint = open_checkpoint(str(DIRECTORY))
    config: BarkConfig = golden_config()
    assert checkpoint.config == config
    assert checkpoint.default_voice == "v2/en_speaker_6"
    for name in checkpoint.voices().names():
        checkpoint.voices().get(name)
    assert sum(p.stat().st_size for p in DIRECTORY.rglob("*") if p.is_file()) < 200_000

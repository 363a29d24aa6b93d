"""Suno's functions: the same names and arguments, and what they make."""

from __future__ import annotations

import inspect
import logging
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bark_core
from bark_core import api
from bark_core.checkpoints import SynthesisDefaults
from bark_core.checkpoints.hf_export import write_config
from bark_core.engine.recovery import MAX_FAILURES_IN_A_ROW
from bark_core.errors import (
    EngineFailureError,
    OptionError,
    TextError,
    UnknownVoiceError,
    VoiceDataError,
)
from bark_core.options import SamplingParams
from bark_core.voices import load_npz
from bark_core.weights.export import write_voices
from tests.support import reference
from tests.support.checkpoint_files import VOCABULARY, write_hf_directory
from tests.support.tiny import tiny_config

CONFIG = tiny_config()
TEXT = "hello a world"


def speak(**arguments: Any) -> tuple[dict[str, Any], np.ndarray]:
    made = bark_core.generate_audio(
        "hello, world!", silent=True, output_full=True, **({"seed": 3} | arguments)
    )
    assert isinstance(made, tuple)
    return made


def test_public_names_are_pinned() -> None:
    assert bark_core.__all__ == [
        "SAMPLE_RATE",
        "generate_audio",
        "preload_models",
        "save_as_prompt",
        "semantic_to_waveform",
        "text_to_semantic",
    ]
    assert bark_core.SAMPLE_RATE == 24_000
    assert set(bark_core.__all__) <= set(dir(bark_core))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = bark_core.nothing


def test_importing_the_package_is_cheap() -> None:
    code = (
        "import sys, bark_core; bark_core.__all__; "
        "sys.exit(bool({'torch', 'numpy', 'tokenizers', 'tqdm'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("text_to_semantic", "text, history_prompt=None, temp=0.7, silent=False"),
        (
            "semantic_to_waveform",
            "semantic_tokens, history_prompt=None, temp=0.7, silent=False, output_full=False",
        ),
        (
            "generate_audio",
            (
                "text, history_prompt=None, text_temp=0.7, waveform_temp=0.7, silent=False, "
                "output_full=False"
            ),
        ),
        ("save_as_prompt", "filepath, full_generation"),
        (
            "preload_models",
            (
                "text_use_gpu=True, text_use_small=False, coarse_use_gpu=True, "
                "coarse_use_small=False, fine_use_gpu=True, fine_use_small=False, "
                "codec_use_gpu=True, force_reload=False"
            ),
        ),
    ],
)
def test_arguments_are_sunos(name: str, arguments: str) -> None:
    """Positional ones, in order, with their defaults; ours can only be given by keyword."""
    parameters = inspect.signature(getattr(bark_core, name)).parameters.values()
    ours = [p for p in parameters if p.kind is not inspect.Parameter.KEYWORD_ONLY]
    shown = [
        p.name if p.default is inspect.Parameter.empty else f"{p.name}={p.default!r}" for p in ours
    ]
    assert ", ".join(shown) == arguments


@pytest.mark.usefixtures("fresh_cache")
def test_greedy_audio_equals_the_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Text, voice, all stages and the audio, against the transformers package."""
    model = reference.make_random_hf_bark(CONFIG, 5)
    write_hf_directory(tmp_path, model, CONFIG, safetensors=False)
    greedy = SamplingParams(temperature=0)
    write_config(tmp_path, CONFIG, SynthesisDefaults(fine=greedy, min_eos_p=None))
    voice = reference.random_voice(CONFIG, 7, n_semantic=50)
    write_voices(tmp_path, {"v2/en_speaker_6": voice})
    monkeypatch.setenv("BARKSTREAM_CHECKPOINT", str(tmp_path))
    ids = tuple(VOCABULARY.index(piece) for piece in ("hel", "##lo", "a", "world"))
    for prompt in (None, "en_speaker_6"):
        used = None if prompt is None else voice
        full, audio = bark_core.generate_audio(
            f"  {TEXT}\n", prompt, text_temp=0, waveform_temp=0, silent=True, output_full=True
        )
        semantic = reference.reference_semantic(model, CONFIG, ids, used)
        coarse = reference.reference_coarse(model, CONFIG, semantic, used)
        fine = reference.reference_fine(model, CONFIG, coarse, used)
        assert full["semantic_prompt"].tolist() == list(semantic)
        np.testing.assert_array_equal(full["coarse_prompt"], coarse)
        np.testing.assert_array_equal(full["fine_prompt"], fine)
        wanted = reference.reference_decode(model, fine)
        np.testing.assert_allclose(audio, wanted, atol=1e-4 * np.abs(wanted).max())


def test_shapes_and_types() -> None:
    full, audio = speak(history_prompt="v2/en_speaker_7")
    frames = full["fine_prompt"].shape[1]
    assert audio.dtype == np.float32
    assert audio.shape == (frames * 320,)
    assert np.isfinite(audio).all()
    assert np.abs(audio).max() > 0
    assert full["semantic_prompt"].dtype == full["coarse_prompt"].dtype == np.int64
    assert full["fine_prompt"].dtype == np.int32
    np.testing.assert_array_equal(full["coarse_prompt"], full["fine_prompt"][:2])
    alone = bark_core.generate_audio("hello, world!", "v2/en_speaker_7", silent=True, seed=3)
    np.testing.assert_array_equal(alone, audio)


def test_two_steps_make_what_one_makes() -> None:
    full, audio = speak(history_prompt="v2/en_speaker_6")
    semantic = bark_core.text_to_semantic("hello, world!", "v2/en_speaker_6", silent=True, seed=3)
    np.testing.assert_array_equal(semantic, full["semantic_prompt"])
    for tokens in (semantic, semantic.astype(np.uint16)):
        again, waveform = bark_core.semantic_to_waveform(
            tokens, "v2/en_speaker_6", silent=True, output_full=True, seed=3
        )
        np.testing.assert_array_equal(waveform, audio)
        np.testing.assert_array_equal(again["fine_prompt"], full["fine_prompt"])


def test_seeds(caplog: pytest.LogCaptureFixture) -> None:
    first, _ = speak(seed=1)
    same, _ = speak(seed=1)
    other, _ = speak(seed=2)
    np.testing.assert_array_equal(first["fine_prompt"], same["fine_prompt"])
    assert first["semantic_prompt"].tolist() != other["semantic_prompt"].tolist()
    with caplog.at_level(logging.INFO, "bark_core"):
        drawn, _ = speak(seed=None)
    seed = int(caplog.messages[-1].removeprefix("seed "))
    again, _ = speak(seed=seed)
    np.testing.assert_array_equal(drawn["fine_prompt"], again["fine_prompt"])


def test_temperatures_reach_their_stages() -> None:
    usual, _ = speak(text_temp=0.7, waveform_temp=0.7)
    cold, _ = speak(text_temp=0.7, waveform_temp=0)
    np.testing.assert_array_equal(cold["semantic_prompt"], usual["semantic_prompt"])
    assert cold["coarse_prompt"].tolist() != usual["coarse_prompt"].tolist()
    hot, _ = speak(text_temp=2, waveform_temp=0.7)
    assert hot["semantic_prompt"].tolist() != usual["semantic_prompt"].tolist()


def test_a_generation_becomes_a_voice(tmp_path: Path) -> None:
    full, _ = speak()
    path = tmp_path / "mine.npz"
    bark_core.save_as_prompt(str(path), full)
    np.testing.assert_array_equal(load_npz(path).fine, full["fine_prompt"])
    by_path, _ = speak(history_prompt=str(path))
    by_pathlike, _ = speak(history_prompt=path)
    by_dict, _ = speak(history_prompt=full)
    with np.load(path) as archive:
        by_archive, _ = speak(history_prompt=archive)
    without, _ = speak()
    for made in (by_path, by_pathlike, by_dict, by_archive):
        np.testing.assert_array_equal(made["fine_prompt"], by_path["fine_prompt"])
    assert without["fine_prompt"].tolist() != by_path["fine_prompt"].tolist()


def test_nothing_to_say_is_empty_audio() -> None:
    full, audio = bark_core.semantic_to_waveform(
        np.array([], dtype=np.int64), silent=True, output_full=True
    )
    assert audio.shape == (0,)
    assert full["fine_prompt"].shape == (8, 0)
    assert bark_core.semantic_to_waveform(np.array([5]), silent=True).shape == (320,)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"text": " \n\t "}, TextError, "the text is empty"),
        ({"history_prompt": "en_speaker_8"}, UnknownVoiceError, "nearest names"),
        ({"history_prompt": "gone.npz"}, VoiceDataError, "cannot read gone"),
        ({"history_prompt": {"semantic_prompt": np.zeros(3)}}, VoiceDataError, "is missing"),
        ({"text_temp": -1}, OptionError, "temperature must be"),
        ({"seed": -1}, OptionError, "seed must be"),
    ],
)
def test_mistakes(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        bark_core.generate_audio(**{"text": "hello", "silent": True, **arguments})


def test_mistakes_in_tokens(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="semantic tokens must be between"):
        bark_core.semantic_to_waveform(np.array([10_000]), silent=True)
    with pytest.raises(VoiceDataError, match="must hold integers"):
        bark_core.semantic_to_waveform(np.array([0.5]), silent=True)
    with pytest.raises(VoiceDataError, match=r"named \*\.npz"):
        bark_core.save_as_prompt(tmp_path / "x.npy", speak()[0])


def test_long_text_is_cut_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    long = "a b c d e f g h " * 4  # 32 of these pieces are read
    with caplog.at_level(logging.WARNING, "bark_core"):
        cut = bark_core.generate_audio(long + "x y z", silent=True, seed=1)
    assert "the text has 35 tokens and the model reads 32: the last 8.6 %" in caplog.text
    caplog.clear()
    whole = bark_core.generate_audio(long, silent=True, seed=1)
    assert not caplog.records
    np.testing.assert_array_equal(cut, whole)


def test_progress_bars(capsys: pytest.CaptureFixture[str]) -> None:
    bark_core.generate_audio("hello", silent=True)
    assert capsys.readouterr().err == ""
    bark_core.semantic_to_waveform(np.arange(90), silent=False)
    assert "coarse" in capsys.readouterr().err


def test_callers_take_turns() -> None:
    wanted = [speak(seed=seed)[0]["fine_prompt"] for seed in range(3)]
    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(lambda seed: speak(seed=seed)[0]["fine_prompt"], range(3)))
    for one, other in zip(wanted, made, strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_interrupted_call_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted, _ = speak(seed=8)
    model = api._models.get()
    execute, calls = model.backend.execute, 0

    def interrupt(batch: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 7:
            raise KeyboardInterrupt
        return execute(batch)

    with monkeypatch.context() as patch:
        patch.setattr(model.backend, "execute", interrupt)
        with pytest.raises(KeyboardInterrupt):
            speak(seed=9)
    again, _ = speak(seed=8)
    np.testing.assert_array_equal(again["fine_prompt"], wanted["fine_prompt"])


def test_a_broken_model_that_recovers_owes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """No failure of an earlier call is told to a later one."""
    wanted, _ = speak(seed=8)
    model = api._models.get()

    def fail(batch: Any) -> Any:
        raise RuntimeError("no kernel")

    with monkeypatch.context() as patch:
        patch.setattr(model.backend, "execute", fail)
        for _ in range(MAX_FAILURES_IN_A_ROW - 1):
            with pytest.raises(EngineFailureError, match="failed on this utterance"):
                speak(seed=9)
        with pytest.raises(EngineFailureError, match="barkstream doctor"):
            speak(seed=9)
    again, _ = speak(seed=8)
    np.testing.assert_array_equal(again["fine_prompt"], wanted["fine_prompt"])

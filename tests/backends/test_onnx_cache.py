"""Conversions are made once, appear whole, and are found again without torch."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bark_core.backends.base import BackendInfo, BackendLimits
from bark_core.backends.onnx import create, layout
from bark_core.backends.onnx.cache import cache_root
from bark_core.backends.onnx.digest import graphs_key, weights_digest
from bark_core.backends.onnx.precision import PRECISIONS
from bark_core.backends.registry import BackendSpec, create_backend
from bark_core.checkpoints import HuggingFaceWeights, NoiseWeights, SunoWeights, open_checkpoint
from bark_core.errors import CheckpointError, ConfigError
from tests.support.drive import SemanticJob, drive_semantic

GOLDEN = Path(__file__).parents[1] / "golden" / "tiny"


@pytest.fixture
def cache_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_second_start_needs_neither_torch_nor_onnx(cache_home: Path) -> None:
    spec = BackendSpec(open_checkpoint("noise"), dtype="int8", slots=1)
    create(spec).close()
    program = """
        import sys
        from bark_core.backends.onnx import create
        from bark_core.backends.registry import BackendSpec
        from bark_core.checkpoints import open_checkpoint
        assert "onnxruntime" not in sys.modules
        backend = create(BackendSpec(open_checkpoint("noise"), dtype="int8", slots=1))
        print(backend.info.name, sorted({"torch", "onnx", "transformers"} & sys.modules.keys()))
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "XDG_CACHE_HOME": str(cache_home)},
    )
    assert run.stdout.strip() == "onnx []"


def test_precisions_live_side_by_side_and_are_found_again(cache_home: Path) -> None:
    checkpoint = open_checkpoint("noise")
    for dtype in ("int8", "float32", "int8"):
        create(BackendSpec(checkpoint, dtype=dtype, slots=1)).close()
    made = sorted(path.name.split("-")[0] for path in cache_root().iterdir())
    assert made == ["digests", "float32", "int8"]


def test_a_checkpoint_directory_is_converted_by_what_it_holds(
    cache_home: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(GOLDEN, copy)
    backends = [
        create(BackendSpec(open_checkpoint(str(directory)), dtype="float32", slots=2))
        for directory in (GOLDEN, copy)
    ]
    assert len(list(cache_root().glob("float32-*"))) == 1, "the same weights under two names"
    checkpoint = open_checkpoint(str(GOLDEN))
    assert checkpoint.default_voice is not None
    job = SemanticJob(
        checkpoint.config,
        text_ids=(1, 2, 3),
        voice=checkpoint.voices().get(checkpoint.default_voice),
    )
    torch = create_backend(BackendSpec(checkpoint, backend="torch", device="cpu", slots=1))
    expected = drive_semantic(torch, job)
    assert [drive_semantic(backend, job) for backend in backends] == [expected] * 2


def test_the_registry_knows_it(cache_home: Path) -> None:
    for dtype, threads, lanes in (("int8", 1, 1), ("int8", 2, 2), ("float32", 2, 2)):
        spec = BackendSpec(
            open_checkpoint("noise"), backend="onnx", slots=3, threads=threads, dtype=dtype
        )
        backend = create_backend(spec)
        assert backend.info == BackendInfo("onnx", device="cpu", dtype=dtype, threads=threads)
        # A float32 prefill works in the cache that steps work in.
        beside = dtype == "int8"
        assert backend.limits == BackendLimits(3, 3, 1, 1, 1, lanes, beside)


def test_idle_threads_sleep(cache_home: Path) -> None:
    """They look for more work for less than a millisecond; by default it would be far longer."""
    spec = BackendSpec(open_checkpoint("noise"), slots=1, threads=4)  # two for an operator
    backend = create(spec)
    job = SemanticJob(spec.checkpoint.config, text_ids=(1, 2, 3))
    idle_s = 0.0
    for _ in range(10):
        drive_semantic(backend, job)
        before_s = time.process_time()
        time.sleep(0.05)
        idle_s += time.process_time() - before_s
    assert idle_s < 0.15


def test_what_is_not_offered_is_refused_before_anything_is_made(cache_home: Path) -> None:
    checkpoint = open_checkpoint("noise")
    with pytest.raises(ConfigError, match="use the torch back end"):
        create(BackendSpec(checkpoint, device="cuda"))
    with pytest.raises(ConfigError, match="choose one of"):
        create(BackendSpec(checkpoint, dtype="bfloat16"))
    assert not cache_home.exists()


def test_a_damaged_conversion_says_what_to_remove(cache_home: Path) -> None:
    spec = BackendSpec(open_checkpoint("noise"), slots=1)
    create(spec).close()
    (found,) = cache_root().glob("int8-*")
    (found / layout.prefill_file("semantic")).write_bytes(b"damaged")
    with pytest.raises(CheckpointError, match=r"remove .*int8-"):
        create(spec)


def semantic_tokens(spec: BackendSpec) -> object:
    backend = create(spec)
    tokens = drive_semantic(backend, SemanticJob(spec.checkpoint.config, text_ids=(1, 2, 3)))
    backend.close()
    return tokens


def test_where_nothing_can_be_kept_the_model_runs_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    spec = BackendSpec(open_checkpoint(str(GOLDEN)), slots=1)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    kept = semantic_tokens(spec)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    (tmp_path / "file").touch()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    caplog.clear()
    assert semantic_tokens(spec) == kept
    (warning,) = (record for record in caplog.records if record.levelno == logging.WARNING)
    assert "set XDG_CACHE_HOME" in warning.getMessage()
    assert "for this run only" in warning.getMessage()
    assert list(temporary.iterdir()) == [], "nothing is left behind, even while it runs"
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(ConfigError, match="set XDG_CACHE_HOME"):
        create(spec)


def test_digests_follow_the_weights(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    checkpoint = open_checkpoint("noise")
    paths = [tmp_path / name for name in "abcd"]
    for path in paths:
        path.write_text(path.name)

    def digest(weights: NoiseWeights | HuggingFaceWeights | SunoWeights) -> str:
        return weights_digest(replace(checkpoint, weights=weights), notes)

    seen = {
        digest(NoiseWeights(1)),
        digest(NoiseWeights(2)),
        digest(HuggingFaceWeights((paths[0],))),
        digest(HuggingFaceWeights((paths[0], paths[1]))),
        digest(SunoWeights(*paths)),
    }
    assert len(seen) == 5
    before = digest(HuggingFaceWeights((paths[0],)))
    paths[0].write_text("other")
    assert digest(HuggingFaceWeights((paths[0],))) != before
    copy = tmp_path / "copy"
    copy.write_text("a")
    assert digest(HuggingFaceWeights((copy,))) == before


def test_a_file_is_read_once(tmp_path: Path) -> None:
    file = tmp_path / "weights"
    file.write_text("weights")
    checkpoint = replace(open_checkpoint("noise"), weights=HuggingFaceWeights((file,)))
    first = weights_digest(checkpoint, tmp_path / "notes")
    (note,) = (tmp_path / "notes").iterdir()
    note.write_text("something else")
    assert weights_digest(checkpoint, tmp_path / "notes") != first, "the note was not read"


def test_a_digest_is_found_where_nothing_can_be_kept(tmp_path: Path) -> None:
    file = tmp_path / "weights"
    file.write_text("weights")
    checkpoint = replace(open_checkpoint("noise"), weights=HuggingFaceWeights((file,)))
    assert weights_digest(checkpoint, file / "below") == weights_digest(checkpoint, tmp_path / "n")


def test_keys_depend_on_all_that_shapes_the_graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    config = open_checkpoint("noise").config
    int8 = PRECISIONS["int8"]
    base = graphs_key(config, int8, 8, "w")
    assert graphs_key(replace(config, name="other"), int8, 8, "w") == base
    other_codec = replace(config, codec=replace(config.codec, n_filters=8))
    changed = {
        graphs_key(other_codec, int8, 8, "w"),
        graphs_key(config, PRECISIONS["int4"], 8, "w"),
        graphs_key(config, int8, 7, "w"),
        graphs_key(config, int8, 8, "v"),
    }
    monkeypatch.setattr(layout, "BUILDER_VERSION", layout.BUILDER_VERSION + 1)
    changed.add(graphs_key(config, int8, 8, "w"))
    assert len(changed) == 5
    assert base not in changed

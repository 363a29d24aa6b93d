"""Conversions are made once, appear whole, and are found again without torch."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bark_core.backends.base import BackendInfo, BackendLimits
from bark_core.backends.onnx import create, layout
from bark_core.backends.onnx.cache import CannotKeepError, GraphCache, cache_root
from bark_core.backends.onnx.digest import graphs_key, weights_digest
from bark_core.backends.onnx.precision import PRECISIONS
from bark_core.backends.onnx.session import GraphDirectory
from bark_core.backends.registry import BackendSpec, create_backend
from bark_core.checkpoints import HuggingFaceWeights, NoiseWeights, SunoWeights, open_checkpoint
from bark_core.errors import CheckpointError, ConfigError
from tests.support.drive import SemanticJob, drive_semantic

GOLDEN = Path(__file__).parents[1] / "golden" / "tiny"


@pytest.fixture
def cache_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def fill(size: int) -> Callable[[Path], None]:
    def build(directory: Path) -> None:
        (directory / "file").write_bytes(bytes(size))

    return build


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
    backend = create_backend(BackendSpec(open_checkpoint("noise"), backend="onnx", slots=3))
    assert backend.info == BackendInfo(name="onnx", device="cpu", dtype="int8", threads=1)
    assert backend.limits == BackendLimits(3, 3, 1, 1, 1)


def test_idle_threads_sleep(cache_home: Path) -> None:
    create(BackendSpec(open_checkpoint("noise"), slots=1)).close()
    (found,) = cache_root().glob("int8-*")
    options = GraphDirectory(found).session(layout.CODEC, threads=2).get_session_options()
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert options.intra_op_num_threads == 2


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


def test_a_failed_conversion_leaves_nothing(tmp_path: Path) -> None:
    def build(directory: Path) -> None:
        (directory / "half").touch()
        raise CheckpointError("damaged")

    cache = GraphCache(tmp_path)
    with pytest.raises(CheckpointError):
        cache.add("key", build)
    assert list(tmp_path.iterdir()) == []
    assert cache.find("key") is None


def test_the_faster_of_two_processes_wins(tmp_path: Path) -> None:
    cache = GraphCache(tmp_path)

    def slower(directory: Path) -> None:
        cache.add("key", fill(1))
        (directory / "late").touch()

    path = cache.add("key", slower)
    assert [file.name for file in path.iterdir()] == ["file"]
    assert [child.name for child in tmp_path.iterdir()] == ["key"]


def test_an_unwritable_cache_names_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="XDG_CACHE_HOME"):
        GraphCache(tmp_path / "file" / "below").add("key", fill(1))


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


def test_a_full_disk_is_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    def build(draft: Path) -> None:
        (draft / "half").touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(CannotKeepError, match="No space left on device; free some space"):
        GraphCache(tmp_path).add("key", build)
    assert list(tmp_path.iterdir()) == []


def test_a_cache_of_somebody_else_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = GraphCache(tmp_path)
    cache.add("key", fill(1))

    def forbidden(path: Path) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_dir", forbidden)
    assert cache.find("key") is None


def test_others_may_tidy_up_at_the_same_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was listed a moment ago is gone when it is looked at."""
    listed = Path.iterdir

    def with_ghosts(directory: Path) -> Iterator[Path]:
        yield from listed(directory)
        if directory == tmp_path:
            yield from (tmp_path / ".draft-gone", tmp_path / "gone")

    monkeypatch.setattr(Path, "iterdir", with_ghosts)
    assert GraphCache(tmp_path).add("key", fill(1)).is_dir()


def test_processes_that_start_at_the_same_time(tmp_path: Path) -> None:
    program = """
        import sys
        from bark_core.backends.onnx import create
        from bark_core.backends.registry import BackendSpec
        from bark_core.checkpoints import open_checkpoint
        import bark_core.backends.onnx.convert
        print("ready", flush=True)
        sys.stdin.readline()
        print(create(BackendSpec(open_checkpoint("noise"), slots=1)).info.dtype)
    """
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    with contextlib.ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", textwrap.dedent(program)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    env=environment,
                )
            )
            for _ in range(3)
        ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        # All wait: now.
        said = []
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        for process in processes:
            assert process.stdout is not None
            said.append(process.stdout.read().strip())
            assert process.wait() == 0
    assert said == ["int8"] * 3
    names = [path.name for path in (tmp_path / "barkstream" / "onnx").iterdir()]
    assert len(names) == 2
    assert {name.split("-")[0] for name in names} == {"int8", "digests"}


def test_the_least_recently_used_go_first(tmp_path: Path) -> None:
    cache = GraphCache(tmp_path, limit_bytes=250)
    for number, key in enumerate("ab"):
        path = cache.add(key, fill(100))
        os.utime(path, (number, number))
    cache.digests.mkdir()
    assert cache.find("a") is not None  # used just now
    cache.add("c", fill(100))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "c", "digests"]
    cache.add("huge", fill(1000))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["digests", "huge"]


def test_abandoned_drafts_go(tmp_path: Path) -> None:
    old, young = tmp_path / ".draft-old", tmp_path / ".draft-young"
    for draft in (old, young):
        draft.mkdir()
    long_ago = time.time() - 48 * 3600
    os.utime(old, (long_ago, long_ago))
    GraphCache(tmp_path).add("key", fill(1))
    assert not old.exists()
    assert young.exists()


def test_the_cache_lies_where_the_platform_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    assert cache_root() == Path("/home/someone/.cache/barkstream/onnx")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert cache_root() == Path("/home/someone/Library/Caches/barkstream/onnx")
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert cache_root() == Path("/elsewhere/barkstream/onnx")


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

"""The directory of conversions: shared, tidied up, full, read-only, somebody else's."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bark_core.backends.onnx.cache import CannotKeepError, GraphCache, cache_root
from bark_core.errors import CheckpointError, ConfigError


def fill(size: int) -> Callable[[Path], None]:
    def build(directory: Path) -> None:
        (directory / "file").write_bytes(bytes(size))

    return build


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


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    monkeypatch.delenv("XDG_CACHE_HOME")
    with pytest.raises(ConfigError, match="set XDG_CACHE_HOME"):
        cache_root()

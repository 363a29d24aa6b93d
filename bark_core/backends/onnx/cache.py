"""Where conversions are kept between runs, and for how long.

One directory for each conversion, under ``$XDG_CACHE_HOME/barkstream/onnx`` (``~/.cache`` or, on
macOS, ``~/Library/Caches`` where that is not set). It appears under its name only when it is
complete, so two processes may convert the same checkpoint at once: the first one to finish wins.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from bark_core.errors import ConfigError

# bark-small takes 0.9 GB in int8, bark 2.2 GB, most of it the float32 table of the text embedding.
LIMIT_BYTES = 12 << 30
_ABANDONED_AFTER_S = 24 * 3600.0
_DRAFT_PREFIX = ".draft-"


class CannotKeepError(ConfigError):
    """A conversion cannot be kept between runs."""


def cache_root() -> Path:
    """The directory for all conversions of this user.

    Raises:
        ConfigError: There is no such place.
    """
    configured = os.environ.get("XDG_CACHE_HOME")
    if configured:
        base = Path(configured)
    else:
        try:
            home = Path.home()
        except RuntimeError as error:
            raise ConfigError(
                "this user has no home directory to keep converted models in: set XDG_CACHE_HOME "
                "to a directory that can be written"
            ) from error
        base = home / "Library" / "Caches" if sys.platform == "darwin" else home / ".cache"
    return base / "barkstream" / "onnx"


@dataclass(frozen=True, slots=True)
class GraphCache:
    """Conversions on disk, the least recently used ones removed beyond a limit.

    Attributes:
        root: Holds a directory for each.
        limit_bytes: The newest conversion stays even if it alone is larger.
    """

    root: Path
    limit_bytes: int = LIMIT_BYTES

    @property
    def digests(self) -> Path:
        """Notes about files that were read before."""
        return self.root / "digests"

    def find(self, key: str) -> Path | None:
        """A finished conversion, marked as used now."""
        path = self.root / key
        try:
            if not path.is_dir():
                return None
        except PermissionError:
            return None
        # The mark only decides what is removed first: a read-only cache is fine.
        with contextlib.suppress(OSError):
            os.utime(path)
        return path

    def add(self, key: str, build: Callable[[Path], None]) -> Path:
        """Make a conversion and keep it.

        Args:
            key: Its name.
            build: Fills an empty directory.

        Raises:
            CannotKeepError: The directory cannot be written, or is full.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            draft = Path(tempfile.mkdtemp(prefix=_DRAFT_PREFIX, dir=self.root))
            try:
                build(draft)
                path = self._publish(draft, key)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
            self._tidy(path)
        except OSError as error:
            raise CannotKeepError(
                f"cannot keep the converted model in {self.root}: {error.strerror or error}; "
                "free some space there or set XDG_CACHE_HOME to a directory that can be written"
            ) from error
        return path

    def _publish(self, draft: Path, key: str) -> Path:
        """Rename the draft; if another process was faster, take its result."""
        path = self.root / key
        draft.chmod(0o755)  # temporary directories are private, and a cache may be shared
        try:
            draft.rename(path)
        except OSError:
            if not path.is_dir():
                raise
        return path

    def _tidy(self, newest: Path) -> None:
        """Remove abandoned drafts, and what was not used for longest while there is too much."""
        kept: list[_Entry] = []
        for path in self.root.iterdir():
            # Another process may publish its draft, or tidy up too, at this very moment.
            with contextlib.suppress(FileNotFoundError):
                entry = _Entry(path.stat().st_mtime, path)
                if path.name.startswith(_DRAFT_PREFIX):
                    if time.time() - entry.used > _ABANDONED_AFTER_S:
                        shutil.rmtree(path, ignore_errors=True)
                elif path not in (newest, self.digests):
                    kept.append(entry)
        total = sum(_size_bytes(path) for path in (newest, *(entry.path for entry in kept)))
        for entry in sorted(kept):
            if total <= self.limit_bytes:
                break
            total -= _size_bytes(entry.path)
            shutil.rmtree(entry.path, ignore_errors=True)


class _Entry(NamedTuple):
    """A conversion and when it was used last. Sorts by that."""

    used: float
    path: Path


def _size_bytes(directory: Path) -> int:
    """0 if somebody removed it."""
    size = 0
    with contextlib.suppress(FileNotFoundError):
        for file in directory.iterdir():
            size += file.stat().st_size
    return size

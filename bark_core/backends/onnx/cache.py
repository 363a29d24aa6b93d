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

from bark_core.errors import ConfigError

# bark-small takes 0.9 GB in int8, bark 2.2 GB, most of it the float32 table of the text embedding.
LIMIT_BYTES = 12 << 30
_ABANDONED_AFTER_S = 24 * 3600.0
_DRAFT_PREFIX = ".draft-"


def cache_root() -> Path:
    """The directory for all conversions of this user."""
    configured = os.environ.get("XDG_CACHE_HOME")
    if configured:
        base = Path(configured)
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path.home() / ".cache"
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
        if not path.is_dir():
            return None
        # The mark only decides what is removed first: a read-only cache is fine.
        with contextlib.suppress(OSError):
            os.utime(path)
        return path

    def add(self, key: str, build: Callable[[Path], None]) -> Path:
        """Make a conversion.

        Args:
            key: Its name.
            build: Fills an empty directory.

        Raises:
            ConfigError: The cache cannot be written.
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
            raise ConfigError(
                f"cannot keep the converted model in {self.root}: {error.strerror}; free some "
                "space there or set XDG_CACHE_HOME to a directory that can be written"
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
        kept = []
        for path in self.root.iterdir():
            if path.name.startswith(_DRAFT_PREFIX):
                if time.time() - path.stat().st_mtime > _ABANDONED_AFTER_S:
                    shutil.rmtree(path, ignore_errors=True)
            elif path not in (newest, self.digests):
                kept.append(path)
        total = _size_bytes(newest) + sum(map(_size_bytes, kept))
        for path in sorted(kept, key=lambda path: path.stat().st_mtime):
            if total <= self.limit_bytes:
                break
            total -= _size_bytes(path)
            shutil.rmtree(path, ignore_errors=True)


def _size_bytes(directory: Path) -> int:
    return sum(file.stat().st_size for file in directory.iterdir())

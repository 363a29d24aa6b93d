"""Names for what was converted: the same weights, config and builder give the same name."""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from dataclasses import replace
from pathlib import Path

from bark_core.backends.onnx import layout
from bark_core.backends.onnx.precision import Precision
from bark_core.checkpoints import Checkpoint, HuggingFaceWeights, NoiseWeights, SunoWeights
from bark_core.config import BarkConfig

_DIGEST_BYTES = 16
_READ_BYTES = 1 << 20
_MOST_REMEMBERED = 64


def graphs_key(
    config: BarkConfig, precision: Precision, dynamic_bits: int, weights_digest: str
) -> str:
    """Name of a conversion's directory: readable first, then the digest of all it depends on."""
    nameless = replace(config, name="")
    parts = (layout.BUILDER_VERSION, nameless, precision.name, dynamic_bits, weights_digest)
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=_DIGEST_BYTES).hexdigest()
    return f"{precision.name}-{digest}"


def weights_digest(checkpoint: Checkpoint, remembered: Path) -> str:
    """Digest of all weights of a checkpoint.

    Args:
        checkpoint: Whose weights.
        remembered: Directory where a file's digest is kept by path, size and time of change, so
            that gigabytes are not read at every start. Nothing is kept if it cannot be written.
    """
    digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    match checkpoint.weights:
        case NoiseWeights(seed):
            # Made by code: then the code is what they are.
            made_by = Path(__file__).parents[2] / "weights"
            digest.update(f"noise {seed}".encode())
            files: tuple[Path, ...] = (made_by / "noise.py", made_by / "shapes.py")
        case HuggingFaceWeights(files):
            pass
        case SunoWeights() as paths:
            files = (paths.semantic, paths.coarse, paths.fine, paths.codec)
    for file in files:
        digest.update(_file_digest(file, remembered).encode())
    return digest.hexdigest()


def _file_digest(file: Path, remembered: Path) -> str:
    status = file.stat()
    identity = repr((str(file.resolve()), status.st_size, status.st_mtime_ns, status.st_ino))
    name = hashlib.blake2b(identity.encode(), digest_size=_DIGEST_BYTES).hexdigest()
    note = remembered / name
    # Another process may let it go meanwhile, and a cache may belong to somebody else.
    with contextlib.suppress(OSError):
        return note.read_text(encoding="ascii")
    digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    with file.open("rb") as content:
        while block := content.read(_READ_BYTES):
            digest.update(block)
    found = digest.hexdigest()
    _remember(note, found)
    return found


def _remember(note: Path, digest: str) -> None:
    """Write a note at once or not at all, and let the oldest ones go."""
    # Only time is lost where this fails: a read-only cache is fine.
    with contextlib.suppress(OSError):
        note.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", encoding="ascii", dir=note.parent, delete=False
        ) as draft:
            draft.write(digest)
        Path(draft.name).replace(note)
        notes = sorted(note.parent.iterdir(), key=lambda path: path.stat().st_mtime)
        for old in notes[:-_MOST_REMEMBERED]:
            old.unlink(missing_ok=True)

"""Suno's ``.npz`` history prompts: three integer arrays in one zip file.

Layout: suno-ai/bark ``bark/assets/prompts/*.npz`` and ``save_as_prompt`` in ``bark/api.py``.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np

from bark_core.errors import VoiceDataError
from bark_core.voices.arrays import MAX_ARRAY_BYTES, parse_npy
from bark_core.voices.voice import IntArray, Voice

ARRAY_NAMES = ("semantic_prompt", "coarse_prompt", "fine_prompt")
MAX_FILE_BYTES = 3 * MAX_ARRAY_BYTES + 64 * 1024
_ENCRYPTED = 0x1
# All that zipfile raises on bytes that are not what they claim.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,  # an unknown compression method
    RuntimeError,  # encrypted
    ValueError,
)
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # what numpy writes


def load_npz(path: Path) -> Voice:
    """Load a prompt. Shapes and ranges are checked by ``validate``.

    Raises:
        VoiceDataError: Missing, too large, damaged, with other members than the three arrays.
    """
    try:
        size_bytes = path.stat().st_size
        if not path.is_file():
            raise VoiceDataError(f"{path.name} is not a file", field="voice")
        if size_bytes > MAX_FILE_BYTES:
            raise VoiceDataError(
                f"{path.name} has {size_bytes} bytes; a voice has at most {MAX_FILE_BYTES}",
                field="voice",
            )
        with zipfile.ZipFile(path) as archive:
            arrays = {name: _read_member(archive, name) for name in _checked_names(archive)}
    except OSError as error:
        raise VoiceDataError(
            f"cannot read {path.name}: {error.strerror or error}", field="voice"
        ) from error
    except _DAMAGE as error:
        raise VoiceDataError(f"{path.name} is not a sound npz file", field="voice") from error
    return Voice(
        semantic=arrays["semantic_prompt"],
        coarse=arrays["coarse_prompt"],
        fine=arrays["fine_prompt"],
    )


def _checked_names(archive: zipfile.ZipFile) -> tuple[str, ...]:
    """The three names, once the archive has exactly their members."""
    expected = sorted(f"{name}.npy" for name in ARRAY_NAMES)
    found = sorted(member.filename for member in archive.infolist())
    if found != expected:
        shown = ", ".join(found[:6]) or "nothing"
        raise VoiceDataError(
            f"a voice file holds exactly {', '.join(expected)}; this one holds {shown[:200]}",
            field="voice",
        )
    return ARRAY_NAMES


def _read_member(archive: zipfile.ZipFile, name: str) -> IntArray:
    member = archive.getinfo(f"{name}.npy")
    if member.flag_bits & _ENCRYPTED or member.compress_type not in _METHODS:
        raise VoiceDataError(f"{name} is encrypted or oddly compressed", field="voice")
    if member.file_size > MAX_ARRAY_BYTES:
        raise VoiceDataError(
            f"{name} unpacks to {member.file_size} bytes; at most {MAX_ARRAY_BYTES} are allowed",
            field="voice",
        )
    with archive.open(member) as file:
        # Bounded by the limit, not by the size that the member declares of itself.
        return parse_npy(name, file.read(MAX_ARRAY_BYTES + 1))


def save_npz(path: Path, voice: Voice) -> None:
    """Write a generation as a prompt that Suno's code and ``load_npz`` read.

    Raises:
        VoiceDataError: The name does not end in ``.npz`` or the file cannot be written.
    """
    if path.suffix != ".npz":
        raise VoiceDataError(f"a voice file must be named *.npz, not {path.name}", field="voice")
    try:
        with path.open("wb") as file:
            np.savez(
                file,
                allow_pickle=False,
                semantic_prompt=voice.semantic,
                coarse_prompt=voice.coarse,
                fine_prompt=voice.fine,
            )
    except OSError as error:
        raise VoiceDataError(f"cannot write {path}: {error.strerror}", field="voice") from error

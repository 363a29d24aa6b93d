"""Files of words and pieces that a checkpoint brings along, read with a limit."""

from __future__ import annotations

from pathlib import Path

from bark_core.errors import CheckpointError

MAX_FILE_BYTES = 64 * 1024 * 1024


def read_vocabulary_file(path: Path, kind: str) -> str:
    """The text of a file.

    Args:
        path: To read.
        kind: What it should be, for messages ("tokenizer file").

    Raises:
        CheckpointError: Missing, too large or not UTF-8.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise CheckpointError(
                f"{path} is larger than {MAX_FILE_BYTES} bytes: this is no {kind}"
            )
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"cannot read the {kind} {path}: {error}") from error

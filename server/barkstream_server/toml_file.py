"""A small TOML file that an operator wrote."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from bark_core.errors import ConfigError

MAX_FILE_BYTES = 1024 * 1024


def read_toml(path: Path, kind: str) -> dict[str, Any]:
    """Its tables.

    Args:
        path: Where it lies.
        kind: What it should be, for the error message: "a configuration file".

    Raises:
        ConfigError: It cannot be read, is larger than 1 MiB, or is not TOML.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ConfigError(f"{path} is larger than 1 MiB: not {kind}")
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error

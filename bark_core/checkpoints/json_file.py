"""Reads a JSON object that somebody else wrote: bounded, typed, every error names the field."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bark_core.errors import CheckpointError

_LARGEST_SHOWN = 10**18
MAX_BYTES = 16 * 1024 * 1024  # the index of a sharded checkpoint is the largest


def read_object(path: Path) -> dict[str, object]:
    """The object in a JSON file.

    Raises:
        CheckpointError: Missing, too large, not JSON or not an object.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise CheckpointError(f"{path} is larger than {MAX_BYTES} bytes")
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not readable JSON ({error}); fetch it again") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} must hold a JSON object")
    return content


@dataclass(frozen=True, slots=True)
class Fields:
    """Typed look-ups in an object of a config file; absent and null mean the default.

    Attributes:
        label: Path to the object, such as ``config.json: semantic_config``.
        values: The object.
    """

    label: str
    values: Mapping[str, object]

    def sub(self, name: str) -> Fields:
        """A nested object; absent: an empty one."""
        value = self.values.get(name)
        if value is None:
            value = {}
        if not isinstance(value, Mapping):
            raise CheckpointError(f"{self.label}.{name} must be an object")
        return Fields(f"{self.label}.{name}", value)

    def integer(self, name: str, default: int, *, low: int = 1, high: int = 10_000_000) -> int:
        """A whole number in ``low..high``."""
        value = self.values.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise CheckpointError(
                f"{self.label}.{name} must be a whole number from {low} to {high}, "
                f"not {_shown(value)}"
            )
        return value

    def number(self, name: str, default: float, *, low: float, high: float) -> float:
        """A finite number in ``low..high``."""
        value = self.values.get(name)
        if value is None:
            return default
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not (math.isfinite(value) and low <= value <= high)
        ):
            raise CheckpointError(
                f"{self.label}.{name} must be a number from {low} to {high}, not {_shown(value)}"
            )
        return value

    def integers(self, name: str, default: tuple[int, ...], *, high: int) -> tuple[int, ...]:
        """A list of 1 to 16 whole numbers in ``1..high``."""
        value = self.values.get(name)
        if value is None:
            return default
        if (
            not isinstance(value, list)
            or not 1 <= len(value) <= 16  # noqa: PLR2004 (documented above)
            or not all(type(item) is int and 1 <= item <= high for item in value)
        ):
            raise CheckpointError(
                f"{self.label}.{name} must list whole numbers from 1 to {high}, not {_shown(value)}"
            )
        return tuple(value)

    def must_be(self, name: str, wanted: object, reason: str) -> None:
        """Refuse any other value than the one this program implements."""
        value = self.values.get(name)
        if value is not None and value != wanted:
            raise CheckpointError(
                f"{self.label}.{name} is {_shown(value)} but must be {wanted}: {reason}"
            )


def _shown(value: object) -> str:
    """A value for a message, whatever a hostile file puts there."""
    if isinstance(value, str):
        return repr(value[:40])
    if isinstance(value, int) and abs(value) < _LARGEST_SHOWN:
        return str(value)
    if isinstance(value, float):
        return str(value)
    return f"a {type(value).__name__}"

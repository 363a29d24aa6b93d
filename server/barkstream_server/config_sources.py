"""Where the configuration comes from: flags, then environment, then a TOML file, then defaults.

Field ``max_waiting`` of `ServerConfig` is the flag ``--max-waiting``, the variable
``BARKSTREAM_MAX_WAITING`` and the TOML key ``max_waiting``. Unknown keys are errors everywhere.
"""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bark_core.errors import ConfigError
from barkstream_server.config import ServerConfig, setting_of
from barkstream_server.toml_file import read_toml

PREFIX = "BARKSTREAM_"
FILE_VARIABLE = "BARKSTREAM_CONFIG"
# Variables of ours that other commands read; they say nothing about the server.
FOREIGN_VARIABLES = frozenset({"BARKSTREAM_SERVER"})

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add ``--config`` and one flag per field. Flags that are not given leave no attribute."""
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        default=None,
        help=f"TOML file with any of these settings as keys (variable {FILE_VARIABLE}).",
    )
    for item in dataclasses.fields(ServerConfig):
        setting = setting_of(item)
        flag = "--" + item.name.replace("_", "-")
        text = f"{setting.help.replace('%', '%%')}{_default_text(item.default)}"
        text += f" [{_variable(item.name)}]"
        if _kind(item.name) is bool:
            parser.add_argument(
                flag, action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS, help=text
            )
        else:
            parser.add_argument(
                flag,
                default=argparse.SUPPRESS,
                metavar="|".join(setting.choices) or _kind(item.name).__name__.upper(),
                help=text,
            )


def load_config(flags: Mapping[str, object], environment: Mapping[str, str]) -> ServerConfig:
    """Merge the sources.

    Args:
        flags: What the parser of `add_flags` found, ``config`` included. Values may be strings.
        environment: Such as ``os.environ``.

    Raises:
        ConfigError: Unknown key, unreadable file, wrong type, value out of range.
    """
    values: dict[str, Any] = {}
    path = flags.get("config") or environment.get(FILE_VARIABLE)
    if path:
        values.update(_from_file(Path(str(path))))
    values.update(_from_environment(environment))
    for name, value in flags.items():
        if name != "config":
            _require_known(name, "flag", name)
            values[name] = _convert(name, value, f"--{name.replace('_', '-')}")
    return ServerConfig(**values)


def _from_file(path: Path) -> dict[str, Any]:
    table = read_toml(path, "a configuration file")
    for name in table:
        _require_known(name, f"key in {path}", name)
    return {name: _convert(name, value, f"{name} in {path}") for name, value in table.items()}


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for variable, text in environment.items():
        if not variable.startswith(PREFIX) or variable in FOREIGN_VARIABLES | {FILE_VARIABLE}:
            continue
        name = variable.removeprefix(PREFIX).lower()
        _require_known(name, "environment variable", variable)
        values[name] = _convert(name, text, variable)
    return values


def _require_known(name: str, what: str, shown: str) -> None:
    known = [item.name for item in dataclasses.fields(ServerConfig)]
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]}?" if near else "; see `barkstream serve --help`"
        raise ConfigError(f"unknown {what}: {shown}{hint}")


def _convert(name: str, value: object, source: str) -> object:
    """``value`` in the type of the field; strings are parsed, other types must match."""
    kind = _kind(name)
    if isinstance(value, str):
        return _parse(kind, value, source)
    if isinstance(value, Path) and kind is Path:
        return value
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not kind:
        raise ConfigError(f"{source} must be of type {kind.__name__}, got {value!r}")
    return value


def _parse(kind: type, text: str, source: str) -> object:
    if kind is bool:
        if text.lower() in _TRUE | _FALSE:
            return text.lower() in _TRUE
        raise ConfigError(f"{source} must be true or false, got {text!r}")
    if kind is Path and not text:
        raise ConfigError(f"{source} must not be empty")
    try:
        return kind(text)
    except ValueError as error:
        raise ConfigError(f"{source} must be of type {kind.__name__}, got {text!r}") from error


def _kind(name: str) -> type:
    """The type of a field, without its ``| None``."""
    hint = typing.get_type_hints(ServerConfig)[name]
    if isinstance(hint, types.UnionType):
        hint = next(option for option in typing.get_args(hint) if option is not type(None))
    return typing.cast("type", hint)


def _variable(name: str) -> str:
    return PREFIX + name.upper()


def _default_text(default: object) -> str:
    if default is None:
        return ""
    return f" (default: {str(default).lower() if isinstance(default, bool) else default})"

"""Structured logs: one line a record, text or JSON, on standard error. Never a caller's text."""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import TextIO

LOGGER_NAMES = ("barkstream", "bark_core")

_SEVERITY = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING}


def fields_of(record: logging.LogRecord) -> dict[str, object]:
    """What ``log_event`` attached to a record."""
    fields = getattr(record, "fields", None)
    return fields if isinstance(fields, dict) else {}


def log_event(
    logger: logging.Logger,
    level: int,
    event: str,
    /,
    *,
    error: BaseException | None = None,
    **fields: object,
) -> None:
    """Log ``event`` with named values; values that are None are left out."""
    given = {name: value for name, value in fields.items() if value is not None}
    logger.log(level, event, extra={"fields": given}, exc_info=error)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (RFC 3339, UTC), level, logger, event, then the fields."""

    def format(self, record: logging.LogRecord) -> str:
        """A record as one line."""
        entry: dict[str, object] = {
            "time": _timestamp(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **fields_of(record),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """``time level event name=value ...``; exceptions follow on their own lines."""

    def format(self, record: logging.LogRecord) -> str:
        """A record as text."""
        pairs = "".join(f" {name}={_shown(value)}" for name, value in fields_of(record).items())
        line = f"{_timestamp(record)} {record.levelname.lower():7} {record.getMessage()}{pairs}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def configure_logging(level: str, style: str, stream: TextIO | None = None) -> None:
    """Send all logs of this process to ``stream`` (standard error) in one format."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if style == "json" else TextFormatter())
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    # Libraries speak up from warnings on; our own loggers as configured.
    root.setLevel(logging.WARNING)
    for name in LOGGER_NAMES:
        logging.getLogger(name).setLevel(_SEVERITY.get(level, logging.ERROR))


def show_logs() -> None:
    """For a command that a person runs: what our own modules tell, without times, on stderr."""
    logging.basicConfig(format="%(message)s")  # nothing, where logs go somewhere already
    for name in LOGGER_NAMES:
        logging.getLogger(name).setLevel(logging.INFO)


def _timestamp(record: logging.LogRecord) -> str:
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    return f"{seconds}.{int(record.msecs):03d}Z"


def _shown(value: object) -> str:
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    plain = text.isprintable() and " " not in text and text != ""
    return text if plain else json.dumps(text, ensure_ascii=False)

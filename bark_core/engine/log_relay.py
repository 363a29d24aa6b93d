"""Log records of a spawned engine, handed to its parent, which knows where logs go."""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
from collections.abc import Callable

PACKAGE = "bark_core"


def relayed_level() -> int:
    """The least severity of this package's records that the parent's logs take."""
    return logging.getLogger(PACKAGE).getEffectiveLevel()


def relay_logs(send: Callable[[object], None], level: int) -> None:
    """In the child: send every record to the parent.

    Args:
        send: Takes a ``logging.LogRecord`` that pickles.
        level: Least severity of this package's records; others speak up from warnings on.
    """
    logging.getLogger().addHandler(_Relay(send))
    logging.getLogger(PACKAGE).setLevel(level)


def log_again(record: logging.LogRecord) -> None:
    """In the parent: treat a record as if it had been logged here."""
    logging.getLogger(record.name).handle(record)


class _Relay(logging.handlers.QueueHandler):
    """Formats what does not pickle, such as tracebacks, and sends."""

    def __init__(self, send: Callable[[object], None]) -> None:
        super().__init__(None)  # type: ignore[arg-type] # there is no queue: enqueue is replaced
        self._send = send

    def enqueue(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(OSError):  # nobody reads any more
            self._send(record)

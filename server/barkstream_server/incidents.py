"""Failures that only we can explain: the caller gets an id, the log gets the cause beside it."""

from __future__ import annotations

import logging

from barkstream_server.errors import Failure, failure_of
from barkstream_server.logs import log_event

logger = logging.getLogger("barkstream.calls")


def recorded_failure(error: BaseException, method: str) -> Failure:
    """What to tell the caller; the cause is logged where that does not say it all."""
    failure = failure_of(error)
    if failure.incident:
        log_event(
            logger,
            logging.ERROR,
            "incident",
            error=error,
            incident=failure.incident,
            method=method,
        )
    return failure

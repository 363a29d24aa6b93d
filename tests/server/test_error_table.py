"""The table from errors to codes."""

from __future__ import annotations

import pickle
from collections.abc import Iterator

import grpc
import pytest

from bark_core.errors import BarkstreamError
from barkstream_server.errors import CODES, DETAILS_KEY, code_of, failure_of


def _tree(kind: type[BarkstreamError]) -> Iterator[type[BarkstreamError]]:
    for child in kind.__subclasses__():
        if child.__module__.startswith("bark_core"):
            yield child
            yield from _tree(child)


@pytest.mark.parametrize("kind", list(_tree(BarkstreamError)))
def test_every_error_has_a_code_and_details(kind: type[BarkstreamError]) -> None:
    assert code_of(kind) is not grpc.StatusCode.UNKNOWN
    failure = failure_of(pickle.loads(pickle.dumps(kind("what happened"))))
    assert failure.code is code_of(kind)
    assert failure.status.code == failure.code.value[0]
    assert failure.status.details[0].TypeName() == "google.rpc.ErrorInfo"
    assert failure.reason == kind.default_reason
    assert dict(failure.trailing_metadata())[DETAILS_KEY] == failure.status.SerializeToString()


def test_no_two_lines_of_the_table_say_the_same() -> None:
    assert BarkstreamError not in CODES, "the root would hide a forgotten error"
    for kind in CODES:
        assert not any(base in CODES for base in kind.__mro__[1:])


def test_an_error_outside_the_tree_becomes_an_incident() -> None:
    failure = failure_of(ZeroDivisionError("x / 0"))
    assert failure.code is grpc.StatusCode.INTERNAL
    assert failure.incident
    assert failure.incident in failure.message
    assert "x / 0" not in str(failure.status)

"""Just enough of the Protocol Buffers encoding to write ONNX's messages.

So that converting a checkpoint needs no library: the ``onnx`` package reads, checks and rewrites
graphs of all kinds in 30 MB; here a few messages are written, once.

Source: https://protobuf.dev/programming-guides/encoding
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

_VARINT, _LENGTH_DELIMITED, _FIXED_32 = 0, 2, 5
_TYPE_BITS = 3
_GROUP_BITS = 7
_MORE = 1 << _GROUP_BITS
_NEGATIVE_OFFSET = 1 << 64  # negative numbers are written as 64-bit two's complement


def integer(field: int, value: int) -> bytes:
    """An int32, int64 or enum field."""
    return _tag(field, _VARINT) + _varint(value)


def real(field: int, value: float) -> bytes:
    """A float field."""
    return _tag(field, _FIXED_32) + struct.pack("<f", value)


def text(field: int, value: str) -> bytes:
    """A string field."""
    return nested(field, value.encode())


def nested(field: int, value: bytes) -> bytes:
    """A message or bytes field."""
    return _tag(field, _LENGTH_DELIMITED) + _varint(len(value)) + value


def integers(field: int, values: Iterable[int]) -> bytes:
    """A repeated int64 field, one entry for each."""
    return b"".join(integer(field, value) for value in values)


def _tag(field: int, wire_type: int) -> bytes:
    return _varint(field << _TYPE_BITS | wire_type)


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; all but the last have the high bit set."""
    rest = value + _NEGATIVE_OFFSET if value < 0 else value
    groups = bytearray()
    while rest >= _MORE:
        groups.append(rest % _MORE | _MORE)
        rest >>= _GROUP_BITS
    groups.append(rest)
    return bytes(groups)

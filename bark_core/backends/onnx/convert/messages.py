"""ONNX's messages, as far as Bark's graphs use them, encoded.

Field numbers, in ascending order, and the numbers of types: onnx/onnx ``onnx/onnx.proto``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import DTypeLike, NDArray

from bark_core.backends.onnx.convert import wire

Attribute = int | float | str | Sequence[int]
Shape = Sequence[int | str]

# TensorProto.DataType
_ELEMENT_TYPES = {
    np.dtype(np.float32): 1,
    np.dtype(np.uint8): 2,
    np.dtype(np.int8): 3,
    np.dtype(np.int32): 6,
    np.dtype(np.int64): 7,
}
# AttributeProto.AttributeType
_FLOAT, _INT, _STRING, _INTS = 1, 2, 3, 7
_EXTERNAL = 1  # TensorProto.DataLocation


def model(ir_version: int, graph: bytes, opsets: Mapping[str, int]) -> bytes:
    """ModelProto; ``opsets`` by domain."""
    imports = [wire.text(1, domain) + wire.integer(2, opsets[domain]) for domain in opsets]
    return (
        wire.integer(1, ir_version)
        + wire.nested(7, graph)
        + b"".join(wire.nested(8, opset) for opset in imports)
    )


def graph(
    name: str,
    nodes: Iterable[bytes],
    constants: Iterable[bytes],
    inputs: Iterable[bytes],
    outputs: Iterable[bytes],
) -> bytes:
    """GraphProto out of its parts."""
    parts = [wire.nested(1, part) for part in nodes]
    parts.append(wire.text(2, name))
    parts += [wire.nested(5, part) for part in constants]
    parts += [wire.nested(11, part) for part in inputs]
    parts += [wire.nested(12, part) for part in outputs]
    return b"".join(parts)


def node(
    operator: str,
    inputs: Sequence[str],
    outputs: Sequence[str],
    domain: str,
    attributes: Mapping[str, Attribute],
) -> bytes:
    """NodeProto, named after its first output."""
    parts = [wire.text(1, name) for name in inputs]
    parts += [wire.text(2, name) for name in outputs]
    parts += [wire.text(3, outputs[0]), wire.text(4, operator)]
    parts += [wire.nested(5, _attribute(name, attributes[name])) for name in sorted(attributes)]
    if domain:
        parts.append(wire.text(7, domain))
    return b"".join(parts)


def _attribute(name: str, value: Attribute) -> bytes:
    """AttributeProto."""
    if isinstance(value, int):
        return wire.text(1, name) + wire.integer(3, value) + wire.integer(20, _INT)
    if isinstance(value, float):
        return wire.text(1, name) + wire.real(2, value) + wire.integer(20, _FLOAT)
    if isinstance(value, str):
        return wire.text(1, name) + wire.text(4, value) + wire.integer(20, _STRING)
    return wire.text(1, name) + wire.integers(8, value) + wire.integer(20, _INTS)


def tensor(name: str, array: NDArray[np.generic]) -> bytes:
    """TensorProto that holds its numbers."""
    little_endian = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return _tensor_head(name, array) + wire.nested(9, little_endian.tobytes())


def external_tensor(name: str, array: NDArray[np.generic], file: str, offset: int) -> bytes:
    """TensorProto whose numbers lie in a file beside the graph."""
    place = {"location": file, "offset": str(offset), "length": str(array.nbytes)}
    entries = [wire.text(1, key) + wire.text(2, value) for key, value in place.items()]
    return (
        _tensor_head(name, array)
        + b"".join(wire.nested(13, entry) for entry in entries)
        + wire.integer(14, _EXTERNAL)
    )


def _tensor_head(name: str, array: NDArray[np.generic]) -> bytes:
    return (
        wire.integers(1, array.shape)
        + wire.integer(2, _ELEMENT_TYPES[array.dtype])
        + wire.text(8, name)
    )


def value(name: str, shape: Shape, dtype: DTypeLike) -> bytes:
    """ValueInfoProto of a tensor; a word in the shape is a size known at run time."""
    sizes = [
        wire.text(2, size) if isinstance(size, str) else wire.integer(1, size) for size in shape
    ]
    dimensions = b"".join(wire.nested(1, size) for size in sizes)
    element_type = wire.integer(1, _ELEMENT_TYPES[np.dtype(dtype)])
    tensor_type = element_type + wire.nested(2, dimensions)
    return wire.text(1, name) + wire.nested(2, wire.nested(1, tensor_type))

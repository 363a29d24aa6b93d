"""Writes an ONNX graph node by node, its big tensors page by page into a file beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from bark_core.backends.onnx.convert import messages
from bark_core.backends.onnx.convert.messages import Attribute, Shape
from bark_core.backends.onnx.layout import DATA_SUFFIX

CONTRIB = "com.microsoft"  # operators that only ONNX Runtime has

_OPSETS = {"": 18, CONTRIB: 1}
_IR_VERSION = 9
# A tensor starts on a page, so that it can be mapped into memory.
_ALIGNMENT_BYTES = 4096
_EXTERNAL_FROM_BYTES = 8192


class GraphWriter:
    """Collects a graph and writes it when left without an error.

    Args:
        path: The ``.onnx`` file to write.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._data_name = path.name + DATA_SUFFIX
        self._data: BinaryIO = (path.parent / self._data_name).open("wb")
        self._nodes: list[bytes] = []
        self._constants: list[bytes] = []
        self._inputs: list[bytes] = []
        self._outputs: list[bytes] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._data.close()
        if kind is not None:
            return
        graph = messages.graph(
            self._path.stem, self._nodes, self._constants, self._inputs, self._outputs
        )
        self._path.write_bytes(messages.model(_IR_VERSION, graph, _OPSETS))

    def input(self, name: str, shape: Shape, dtype: type[np.generic] = np.float32) -> str:
        """Declare an input; a word in the shape is a size known at run time."""
        self._inputs.append(messages.value(name, shape, dtype))
        return name

    def output(self, name: str, shape: Shape, dtype: type[np.generic] = np.float32) -> str:
        """Declare an output."""
        self._outputs.append(messages.value(name, shape, dtype))
        return name

    def constant(self, name: str, array: NDArray[Any]) -> str:
        """Add a tensor that never changes."""
        array = np.ascontiguousarray(array)
        if array.nbytes < _EXTERNAL_FROM_BYTES:
            self._constants.append(messages.tensor(name, array))
            return name
        self._data.write(bytes(-self._data.tell() % _ALIGNMENT_BYTES))
        offset = self._data.tell()
        self._constants.append(messages.external_tensor(name, array, self._data_name, offset))
        self._data.write(array.data)
        return name

    def node(
        self,
        operator: str,
        inputs: Sequence[str],
        output: str,
        domain: str = "",
        **attributes: Attribute,
    ) -> str:
        """Add a node with one output; an empty input name is an input left out."""
        return self.nodes(operator, inputs, (output,), domain, **attributes)[0]

    def nodes(
        self,
        operator: str,
        inputs: Sequence[str],
        outputs: Sequence[str],
        domain: str = "",
        **attributes: Attribute,
    ) -> Sequence[str]:
        """Add a node with several outputs."""
        self._nodes.append(messages.node(operator, inputs, outputs, domain, attributes))
        return outputs

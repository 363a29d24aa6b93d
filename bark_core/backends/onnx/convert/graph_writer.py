"""Writes an ONNX graph node by node, its big tensors page by page into a file beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from bark_core.backends.onnx.layout import DATA_SUFFIX

CONTRIB = "com.microsoft"  # operators that only ONNX Runtime has

_OPSETS = (("", 18), (CONTRIB, 1))
_IR_VERSION = 9
# A tensor starts on a page, so that it can be mapped into memory.
_ALIGNMENT_BYTES = 4096
_EXTERNAL_FROM_BYTES = 8192

Shape = Sequence[int | str]


class GraphWriter:
    """Collects a graph and writes it when left without an error.

    Args:
        path: The ``.onnx`` file to write.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._data_name = path.name + DATA_SUFFIX
        self._data: BinaryIO = (path.parent / self._data_name).open("wb")
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []

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
        graph = helper.make_graph(
            self._nodes, self._path.stem, self._inputs, self._outputs, self._constants
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid(*opset) for opset in _OPSETS]
        )
        model.ir_version = _IR_VERSION
        onnx.save(model, self._path)

    def input(self, name: str, shape: Shape, dtype: type[np.generic] = np.float32) -> str:
        """Declare an input; a word in the shape is a size known at run time."""
        self._inputs.append(_value(name, shape, dtype))
        return name

    def output(self, name: str, shape: Shape, dtype: type[np.generic] = np.float32) -> str:
        """Declare an output."""
        self._outputs.append(_value(name, shape, dtype))
        return name

    def constant(self, name: str, array: NDArray[Any]) -> str:
        """Add a tensor that never changes."""
        array = np.ascontiguousarray(array)
        if array.nbytes < _EXTERNAL_FROM_BYTES:
            self._constants.append(numpy_helper.from_array(array, name))
            return name
        self._data.write(bytes(-self._data.tell() % _ALIGNMENT_BYTES))
        tensor = TensorProto(
            name=name,
            dims=array.shape,
            data_type=helper.np_dtype_to_tensor_dtype(array.dtype),
            data_location=TensorProto.EXTERNAL,
        )
        for key, value in (
            ("location", self._data_name),
            ("offset", self._data.tell()),
            ("length", array.nbytes),
        ):
            tensor.external_data.add(key=key, value=str(value))
        self._data.write(array.data)
        self._constants.append(tensor)
        return name

    def node(
        self,
        operator: str,
        inputs: Sequence[str],
        output: str,
        domain: str = "",
        **attributes: Any,
    ) -> str:
        """Add a node with one output; an empty input name is an input left out."""
        return self.nodes(operator, inputs, (output,), domain, **attributes)[0]

    def nodes(
        self,
        operator: str,
        inputs: Sequence[str],
        outputs: Sequence[str],
        domain: str = "",
        **attributes: Any,
    ) -> Sequence[str]:
        """Add a node with several outputs."""
        self._nodes.append(
            helper.make_node(
                operator, inputs, outputs, name=outputs[0], domain=domain, **attributes
            )
        )
        return outputs


def _value(name: str, shape: Shape, dtype: type[np.generic]) -> Any:
    element = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    return helper.make_tensor_value_info(name, element, list(shape))

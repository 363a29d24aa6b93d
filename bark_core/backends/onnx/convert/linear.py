"""A matrix product as a node, its weight in one of the kinds of ``precision``.

Sources of the formats: ONNX Runtime's contrib operators ``MatMulNBits`` and
``DynamicQuantizeMatMul`` (microsoft/onnxruntime ``docs/ContribOperators.md``).
"""

from __future__ import annotations

from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from bark_core.backends.onnx.convert.graph_writer import CONTRIB, GraphWriter
from bark_core.backends.onnx.precision import LinearKind, block_size

FloatArray = NDArray[np.float32]

_INT8_ACTIVATIONS = 4  # MatMulNBits' accuracy_level


def write_linear(
    graph: GraphWriter,
    name: str,
    x: str,
    weight: FloatArray,
    kind: LinearKind,
    *,
    width: int,
    dynamic_bits: int = 8,
) -> str:
    """``x`` times the transposed weight. [..., in], [out, in] -> [..., out].

    Args:
        graph: Where to write.
        name: Of the node and its tensors.
        x: The input's name.
        weight: [out, in].
        kind: How to keep it.
        width: Of the model.
        dynamic_bits: Of a DYNAMIC_INT8 weight, 7 or 8.
    """
    match kind:
        case LinearKind.FLOAT32:
            matrix = graph.constant(f"{name}.weight", weight.T)
            return graph.node("MatMul", [x, matrix], name)
        case LinearKind.DYNAMIC_INT8:
            values, scales = quantize_channels(weight, dynamic_bits)
            tensors = [
                graph.constant(f"{name}.weight", values.T),
                graph.constant(f"{name}.scale", scales),
            ]
            return graph.node("DynamicQuantizeMatMul", [x, *tensors], name, CONTRIB)
        case LinearKind.BLOCKS_8 | LinearKind.BLOCKS_4:
            bits = 8 if kind == LinearKind.BLOCKS_8 else 4
            size = block_size(weight.shape[1], bits, width)
            blocks, scales = quantize_blocks(weight, bits, size)
            tensors = [
                graph.constant(f"{name}.weight", blocks),
                graph.constant(f"{name}.scale", scales),
            ]
            return graph.node(
                "MatMulNBits",
                [x, *tensors],
                name,
                CONTRIB,
                K=weight.shape[1],
                N=weight.shape[0],
                bits=bits,
                block_size=size,
                accuracy_level=_INT8_ACTIVATIONS,
            )
        case _:
            assert_never(kind)


def quantize_channels(weight: FloatArray, bits: int) -> tuple[NDArray[np.int8], FloatArray]:
    """Symmetric integers with a scale for each output. [out, in] -> [out, in] and [out]."""
    largest = 2 ** (bits - 1) - 1
    scales = _nonzero(np.abs(weight).max(axis=1) / np.float32(largest))
    values = np.rint(weight / scales[:, None]).clip(-largest, largest)
    return values.astype(np.int8), scales


def quantize_blocks(
    weight: FloatArray, bits: int, size: int
) -> tuple[NDArray[np.uint8], FloatArray]:
    """Integers around 2**(bits-1) with a scale for each block of inputs.

    A block's entry of largest magnitude is kept exactly: it gets the lowest integer, which lies
    further from the middle than the highest one does.

    Returns:
        [out, blocks, size * bits / 8] integers, the low half of a byte first, and
        [out, blocks] scales.
    """
    outputs, inputs = weight.shape
    padded = np.pad(weight, ((0, 0), (0, -inputs % size)))
    blocks = padded.reshape(outputs, -1, size)
    middle = 2 ** (bits - 1)
    extremes = np.take_along_axis(
        blocks, np.abs(blocks).argmax(axis=2, keepdims=True), axis=2
    )  # [out, blocks, 1]
    scales = _nonzero(extremes / np.float32(-middle))
    values = (np.rint(blocks / scales) + middle).clip(0, 2 * middle - 1).astype(np.uint8)
    if bits == 4:  # noqa: PLR2004 (two to a byte)
        values = values[:, :, 0::2] | (values[:, :, 1::2] << 4)
    return values, scales[:, :, 0]


def _nonzero(scales: FloatArray) -> FloatArray:
    """A scale of 1 where all weights are 0."""
    return np.where(scales == 0, np.float32(1), scales).astype(np.float32)

"""EnCodec's decoder as a graph that takes frames in pieces.

Architecture: SEANet decoder (Défossez et al. 2022, arXiv:2210.13438, section 3.1),
facebookresearch/encodec ``encodec/modules/seanet.py: SEANetDecoder``; tensor names: the
``transformers`` package's ``EncodecModel``, weight norm folded.

A convolution's state is its last inputs. At a stream's start the reference mirrors the first
inputs instead; so every convolution picks its context out of [state, new inputs] by an ORDER that
the caller gives, and one graph serves the start and the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bark_core.backends.onnx import layout
from bark_core.backends.onnx.convert.graph_writer import GraphWriter
from bark_core.backends.onnx.layout import ConvShape
from bark_core.config import CodecConfig

FloatArray = NDArray[np.float32]
Tensors = Mapping[str, FloatArray]

_TO_THE_END = np.iinfo(np.int64).max


def write_codec(graph: GraphWriter, config: CodecConfig, tensors: Tensors) -> None:
    """FRAMES and states -> PCM and new states."""
    writer = _CodecWriter(
        graph, tensors, {shape.name: shape for shape in layout.codec_convolutions(config)}
    )
    x = graph.input(layout.FRAMES, [1, config.hidden_size, "T"])
    x = writer.convolution("decoder.layers.0", x)
    x = writer.skip_lstm("decoder.layers.1", x, config.n_lstm_layers)
    index = 2
    for ratio in config.upsampling_ratios:
        x = writer.elu(f"decoder.layers.{index}", x)
        x = writer.upsampling(f"decoder.layers.{index + 1}", x, ratio)
        index += 2
        for depth in range(config.n_residual_layers):
            dilation = config.dilation_growth_rate**depth
            x = writer.residual(f"decoder.layers.{index}", x, dilation)
            index += 1
    x = writer.elu(f"decoder.layers.{index}", x)
    x = writer.convolution(f"decoder.layers.{index + 1}", x)
    graph.node("Identity", [x], layout.PCM)
    graph.output(layout.PCM, [1, 1, "N"])


@dataclass(frozen=True, slots=True)
class _CodecWriter:
    """Layers of the decoder.

    Attributes:
        graph: Where to write.
        tensors: Weights by canonical name.
        remembering: Convolutions that look back, by name.
    """

    graph: GraphWriter
    tensors: Tensors
    remembering: Mapping[str, ConvShape]

    def elu(self, name: str, x: str) -> str:
        return self.graph.node("Elu", [x], name)

    def convolution(self, name: str, x: str, dilation: int = 1) -> str:
        """Stride 1. [1, C, N] -> [1, C', N]."""
        weight = self.tensors[f"{name}.conv.weight"]
        return self._convolve(name, x, weight, self.tensors[f"{name}.conv.bias"], dilation)

    def upsampling(self, name: str, x: str, ratio: int) -> str:
        """Transposed convolution of kernel 2 * ratio. [1, C, N] -> [1, C', N * ratio].

        Output n * ratio + j depends on inputs n - 1 and n only, so it is an ordinary convolution
        of kernel 2 with ``ratio`` times the channels, whose channels are then laid along time.
        """
        weight = self.tensors[f"{name}.conv.weight"]  # [C, C', 2 * ratio]
        inputs, outputs, _ = weight.shape
        taps = weight.reshape(inputs, outputs, 2, ratio)[:, :, ::-1]  # the older input first
        kernel = taps.transpose(1, 3, 0, 2).reshape(outputs * ratio, inputs, 2)
        bias = np.repeat(self.tensors[f"{name}.conv.bias"], ratio)
        y = self._convolve(name, x, kernel, bias, 1)  # [1, C' * ratio, N]
        split = self.graph.constant(f"{name}.split", np.array([1, outputs, ratio, -1]))
        y = self.graph.node("Reshape", [y, split], f"{name}.phases")
        y = self.graph.node("Transpose", [y], f"{name}.turned", perm=[0, 1, 3, 2])
        joined = self.graph.constant(f"{name}.joined", np.array([1, outputs, -1]))
        return self.graph.node("Reshape", [y, joined], f"{name}.upsampled")

    def residual(self, name: str, x: str, dilation: int) -> str:
        """shortcut(x) + conv1(elu(conv_k(elu(x)))). [1, C, N] -> [1, C, N]."""
        y = self.elu(f"{name}.block.0", x)
        y = self.convolution(f"{name}.block.1", y, dilation)
        y = self.elu(f"{name}.block.2", y)
        y = self.convolution(f"{name}.block.3", y)
        shortcut = self.convolution(f"{name}.shortcut", x)
        return self.graph.node("Add", [shortcut, y], f"{name}.sum")

    def skip_lstm(self, name: str, x: str, n_layers: int) -> str:
        """LSTM(x) + x along time. [1, C, N] -> [1, C, N]."""
        graph = self.graph
        width = self.tensors[f"{name}.lstm.weight_hh_l0"].shape[1]
        y = graph.node("Transpose", [x], f"{name}.steps", perm=[2, 0, 1])  # [N, 1, C]
        states: dict[str, list[str]] = {}
        for state in (layout.HIDDEN, layout.CELL):
            graph.input(state, [n_layers, 1, width])
            states[state] = [f"{state}_{layer}" for layer in range(n_layers)]
            graph.nodes("Split", [state], states[state], axis=0, num_outputs=n_layers)
        direction = graph.constant(f"{name}.direction", np.array([1], dtype=np.int64))
        for layer in range(n_layers):
            old = [states[state][layer] for state in (layout.HIDDEN, layout.CELL)]
            new = [f"{layout.NEW}{part}" for part in old]
            outputs = [f"{name}.{layer}", *new]
            weights = self._lstm_weights(name, layer)
            graph.nodes("LSTM", [y, *weights, "", *old], outputs, hidden_size=width)
            y = graph.node("Squeeze", [outputs[0], direction], f"{name}.{layer}.steps")
        for state in (layout.HIDDEN, layout.CELL):
            parts = [f"{layout.NEW}{part}" for part in states[state]]
            graph.node("Concat", parts, f"{layout.NEW}{state}", axis=0)
            graph.output(f"{layout.NEW}{state}", [n_layers, 1, width])
        y = graph.node("Transpose", [y], f"{name}.channels", perm=[1, 2, 0])
        return graph.node("Add", [x, y], f"{name}.sum")

    def _lstm_weights(self, name: str, layer: int) -> list[str]:
        """Torch's gates are (input, forget, cell, output), ONNX's (input, output, forget, cell)."""

        def gates(part: str) -> FloatArray:
            i, f, c, o = np.split(self.tensors[f"{name}.lstm.{part}_l{layer}"], 4)
            return np.concatenate((i, o, f, c))[None]

        bias = np.concatenate((gates("bias_ih"), gates("bias_hh")), axis=1)
        return [
            self.graph.constant(f"{name}.{layer}.input", gates("weight_ih")),
            self.graph.constant(f"{name}.{layer}.recurrent", gates("weight_hh")),
            self.graph.constant(f"{name}.{layer}.bias", bias),
        ]

    def _convolve(
        self, name: str, x: str, weight: FloatArray, bias: FloatArray, dilation: int
    ) -> str:
        shape = self.remembering.get(name)
        if shape is not None:
            x = self._with_context(shape, x)
        constants = [
            self.graph.constant(f"{name}.weight", weight),
            self.graph.constant(f"{name}.bias", bias),
        ]
        return self.graph.node("Conv", [x, *constants], name, dilations=[dilation])

    def _with_context(self, shape: ConvShape, x: str) -> str:
        """Lay the context before the inputs and put out the next one."""
        graph, name = self.graph, shape.name
        size = [1, shape.channels, shape.padding]
        context = graph.input(shape.context, size)
        if shape.reflects:
            order = graph.input(shape.order, [shape.padding], np.int64)
            both = graph.node("Concat", [context, x], f"{name}.both", axis=2)
            context = graph.node("Gather", [both, order], f"{name}.context", axis=2)
        y = graph.node("Concat", [context, x], f"{name}.extended", axis=2)
        bounds = [
            graph.constant(f"{name}.{part}", np.array([number], dtype=np.int64))
            for part, number in (("from", -shape.padding), ("to", _TO_THE_END), ("axis", 2))
        ]
        graph.node("Slice", [y, *bounds], f"{layout.NEW}{shape.context}")
        graph.output(f"{layout.NEW}{shape.context}", size)
        return y

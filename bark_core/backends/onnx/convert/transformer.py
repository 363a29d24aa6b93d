"""Bark's transformers as graphs.

Architecture: suno-ai/bark ``bark/model.py: GPT`` and ``bark/model_fine.py: FineGPT`` (MIT);
tensor names: the ``transformers`` package's Bark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bark_core.backends.onnx import layout
from bark_core.backends.onnx.convert.calibration import CacheScales
from bark_core.backends.onnx.convert.graph_writer import CONTRIB, GraphWriter
from bark_core.backends.onnx.convert.linear import write_linear
from bark_core.backends.onnx.convert.messages import Attribute, Shape
from bark_core.backends.onnx.precision import LinearKind
from bark_core.config import TransformerConfig

FloatArray = NDArray[np.float32]
Tensors = Mapping[str, FloatArray]

_EPSILON = 1e-5  # of the layer norms
_TO_THE_END = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Blocks:
    """The parts that both kinds of transformer share, written into one graph.

    Attributes:
        graph: Where to write.
        model: Sizes.
        tensors: Weights by canonical name.
        kind: How to keep the matrices.
        dynamic_bits: Of DYNAMIC_INT8 matrices.
    """

    graph: GraphWriter
    model: TransformerConfig
    tensors: Tensors
    kind: LinearKind
    dynamic_bits: int

    def linear(self, name: str, x: str) -> str:
        """A projection named as its tensor."""
        return self.product(name, x, self.tensors[f"{name}.weight"])

    def product(self, name: str, x: str, weight: FloatArray) -> str:
        """With a matrix [out, in]."""
        return write_linear(
            self.graph,
            name,
            x,
            weight,
            self.kind,
            width=self.model.n_embd,
            dynamic_bits=self.dynamic_bits,
        )

    def norm(self, name: str, x: str) -> str:
        """Layer norm, with a bias where the checkpoint has one."""
        parts = [f"{name}.weight", f"{name}.bias"]
        constants = [
            self.graph.constant(part, self.tensors[part]) for part in parts if part in self.tensors
        ]
        return self.graph.node(
            "LayerNormalization", [x, *constants], name, axis=-1, epsilon=_EPSILON
        )

    def residual(self, name: str, x: str, y: str) -> str:
        """Their sum."""
        return self.graph.node("Add", [x, y], name)

    def after_attention(self, layer: int, x: str, attended: str) -> str:
        """Output projection and MLP, each added to what came in."""
        prefix = f"layers.{layer}"
        projected = self.linear(f"{prefix}.attn.out_proj", attended)
        x = self.residual(f"{prefix}.attn.sum", x, projected)
        y = self.norm(f"{prefix}.layernorm_2", x)
        y = self.linear(f"{prefix}.mlp.in_proj", y)
        y = self.graph.node("Gelu", [y], f"{prefix}.mlp.gelu", CONTRIB)
        y = self.linear(f"{prefix}.mlp.out_proj", y)
        return self.residual(f"{prefix}.mlp.sum", x, y)

    def projected(self, layer: int, x: str) -> str:
        """Queries, keys and values side by side. [B, T, D] -> [B, T, 3 D]."""
        y = self.norm(f"layers.{layer}.layernorm_1", x)
        return self.linear(f"layers.{layer}.attn.att_proj", y)


def write_causal(
    blocks: Blocks,
    head_rows: Sequence[int],
    cache_scales: Sequence[CacheScales] | None,
    *,
    single_position: bool,
) -> None:
    """A graph that appends positions to caches and gives the logits of the last one.

    Args:
        blocks: Where to write what.
        head_rows: Rows of the head that are ever drawn; the others are left out.
        cache_scales: Of each layer's int8 cache; None: caches are float32.
        single_position: T is always 1: nothing has to be cut.
    """
    graph, model = blocks.graph, blocks.model
    x = graph.input(layout.X, ["B", "T", model.n_embd])
    graph.input(layout.LENGTHS, ["B"], np.int32)
    graph.input(layout.TOTAL, [1], np.int32)
    for layer in range(model.n_layer):
        scales = None if cache_scales is None else cache_scales[layer]
        qkv = blocks.projected(layer, x)
        if scales is None or single_position:
            attended = _causal_attention(blocks, layer, qkv, scales)
        else:
            attended = _first_attention(blocks, layer, qkv, scales)
        if layer == model.n_layer - 1 and not single_position:
            # From here on only the last position matters.
            first = graph.constant("last", np.array([-1], dtype=np.int64))
            x = _positions_from(graph, f"{x}.last", x, first)
            attended = _positions_from(graph, f"{attended}.last", attended, first)
        x = blocks.after_attention(layer, x, attended)
    x = blocks.norm("layernorm_final", x)
    head = blocks.tensors["lm_head.weight"][np.asarray(head_rows)]
    y = blocks.product("lm_head", x, head)
    axes = graph.constant("position_axis", np.array([1], dtype=np.int64))
    graph.node("Squeeze", [y, axes], layout.LOGITS)
    graph.output(layout.LOGITS, ["B", len(head_rows)])


def write_fine(blocks: Blocks, codebook_size: int) -> None:
    """A graph that looks both ways and gives logits from position FILL on."""
    graph, model = blocks.graph, blocks.model
    x = graph.input(layout.X, [1, "T", model.n_embd])
    fill = graph.input(layout.FILL, [1], np.int64)
    head = graph.input(layout.HEAD, [codebook_size, model.n_embd])
    for layer in range(model.n_layer):
        qkv = [f"layers.{layer}.attn.{part}" for part in ("query", "key", "value")]
        graph.nodes("Split", [blocks.projected(layer, x)], qkv, axis=-1, num_outputs=3)
        attended = graph.node(
            "MultiHeadAttention", qkv, f"layers.{layer}.attn", CONTRIB, num_heads=model.n_head
        )
        if layer == model.n_layer - 1:
            # From here on only the positions to be filled matter.
            x = _positions_from(graph, f"{x}.filled", x, fill)
            attended = _positions_from(graph, f"{attended}.filled", attended, fill)
        x = blocks.after_attention(layer, x, attended)
    x = blocks.norm("layernorm_final", x)
    axes = graph.constant("row_axis", np.array([0], dtype=np.int64))
    x = graph.node("Squeeze", [x, axes], "positions")
    graph.node("Gemm", [x, head], layout.LOGITS, transB=1)
    graph.output(layout.LOGITS, ["F", codebook_size])


def _causal_attention(blocks: Blocks, layer: int, qkv: str, scales: CacheScales | None) -> str:
    """Attention over a cache that is appended to in place."""
    inputs, attributes = [layout.LENGTHS, layout.TOTAL], dict[str, Attribute]()
    if scales is not None:
        graph, prefix = blocks.graph, f"layers.{layer}"
        left_out = [""] * 5  # rotary tables, position ids, bias, sink
        keys = graph.constant(f"{prefix}.key_scale", scales.keys)
        inputs += [*left_out, keys, graph.constant(f"{prefix}.value_scale", scales.values)]
        attributes = {f"{part}_quant_type": "PER_CHANNEL" for part in "kv"}
        attributes["kv_cache_bit_width"] = 8
    past, present = _caches(blocks, layer, np.float32 if scales is None else np.int8)
    return _attention(blocks, layer, [qkv, "", "", *past, *inputs], present, attributes)


def _first_attention(blocks: Blocks, layer: int, qkv: str, scales: CacheScales) -> str:
    """Attention of a context with itself, which then fills a cache of 8 bits.

    The operator can do both at once, but takes twice as long for many positions.
    """
    graph, prefix = blocks.graph, f"layers.{layer}"
    numbers = [f"{prefix}.keys", f"{prefix}.values"]
    inputs = [qkv, "", "", "", "", layout.LENGTHS, layout.TOTAL]
    attended = _attention(blocks, layer, inputs, numbers, {})
    unit = [
        graph.constant(f"{prefix}.cache_unit", np.ones(1, dtype=np.float32)),
        graph.constant(f"{prefix}.cache_zero", np.zeros(1, dtype=np.int8)),
    ]
    model = blocks.model
    names = layout.cache_names(layer)
    for number, scale, (_, present) in zip(
        numbers, (scales.keys, scales.values), names, strict=True
    ):
        per_channel = (1 / scale).reshape(1, model.n_head, 1, model.head_dim)
        steps = graph.constant(f"{number}.steps", per_channel)
        scaled = graph.node("Mul", [number, steps], f"{number}.scaled")
        graph.node("QuantizeLinear", [scaled, *unit], present)
        graph.output(present, [1, model.n_head, "T", model.head_dim], np.int8)
    return attended


def _attention(
    blocks: Blocks,
    layer: int,
    inputs: Sequence[str],
    present: Sequence[str],
    attributes: Mapping[str, Attribute],
) -> str:
    heads = blocks.model.n_head
    outputs = blocks.graph.nodes(
        "GroupQueryAttention",
        inputs,
        [f"layers.{layer}.attn", *present],
        CONTRIB,
        num_heads=heads,
        kv_num_heads=heads,
        **attributes,
    )
    return outputs[0]


def _caches(blocks: Blocks, layer: int, dtype: type[np.generic]) -> tuple[list[str], list[str]]:
    """Declare a layer's caches as inputs and as outputs."""
    graph, model = blocks.graph, blocks.model
    shape: Shape = ["B", model.n_head, "S", model.head_dim]
    names = layout.cache_names(layer)
    past = [graph.input(name, shape, dtype) for name, _ in names]
    return past, [graph.output(name, shape, dtype) for _, name in names]


def _positions_from(graph: GraphWriter, name: str, x: str, first: str) -> str:
    """[B, T, D] -> [B, T - first, D]."""
    end = graph.constant(f"{name}.end", np.array([_TO_THE_END], dtype=np.int64))
    axes = graph.constant(f"{name}.axis", np.array([1], dtype=np.int64))
    return graph.node("Slice", [x, first, end, axes], name)
